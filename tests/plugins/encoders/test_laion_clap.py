"""`laion_clap`: its checkpoints, and with the package installed (`make parity` does it) what is heard with them."""

import importlib.util
import inspect
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from mgcld_plugins.encoders._laion_package import Package, build, state_of
from mgcld_plugins.encoders.laion_clap import LaionClapEncoder, _filled, _place
from tiny_clap import SENTENCES, tokenizer
from torch import Tensor

from mgcld.assemble.parts import build_encoder, listener_of
from mgcld.config import Part
from mgcld.data import AudioFeatures
from mgcld.errors import CheckpointError, ConfigError, WeightsUnavailable
from mgcld.interfaces import Encoder

with_package = pytest.mark.skipif(
    importlib.util.find_spec("laion_clap") is None, reason="needs mgcld[laion]: make parity runs it"
)
SECOND, JOINT, POSITIONS = 48_000, 512, 90
SIZES = {
    "hidden_size": 768,
    "num_attention_heads": 12,
    "num_hidden_layers": 1,
    "intermediate_size": 33,
    "max_position_embeddings": POSITIONS,
    "type_vocab_size": 1,
}
"""Of the text half. The package fixes its width; its audio half comes in the published size alone."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made("HTSAT-tiny", tmp_path_factory.mktemp("laion"))


def made(amodel: str, folder: Path) -> Path:
    """A checkpoint with random weights, as the package's training leaves it."""
    torch.manual_seed(0)
    words = tokenizer()
    net = Package().network(amodel, SIZES | {"vocab_size": len(words)})
    for name, parameter in net.named_parameters():
        if parameter.dim() > 1 and "extractor" not in name:
            torch.nn.init.normal_(parameter, std=(2 / parameter[0].numel()) ** 0.5)
    net.audio_branch.bn0.running_mean.fill_(-30)
    net.audio_branch.bn0.running_var.fill_(300)
    save(net.state_dict() | {"text_branch.embeddings.position_ids": torch.arange(POSITIONS)[None]}, folder)
    words.save_pretrained(folder)
    return folder


def save(state: dict[str, Any], folder: Path) -> None:
    numbers = {"epoch": np.float64(7), "best": np.float32(0.5), "step": np.int64(3), "done": np.bool_(True)}
    named = {f"module.{name}": tensor for name, tensor in state.items()}
    torch.save({"name": "tiny", **numbers, "state_dict": named}, folder / "630k-audioset-best.pt")


@pytest.fixture(scope="module")
def encoder(folder: Path) -> LaionClapEncoder:
    return LaionClapEncoder(str(folder), device="cpu")


def noise(*shape: int, seed: int = 0) -> Tensor:
    loudness = torch.linspace(0.01, 0.3, shape[-1])
    return loudness * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def heard(encoder: LaionClapEncoder, samples: Tensor, valid: int | None = None) -> AudioFeatures:
    return encoder.embed_audio(samples, torch.full((len(samples),), samples.shape[1] if valid is None else valid))


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=tolerance)


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "laion_clap", None)
    monkeypatch.delitem(sys.modules, "laion_clap.hook", raising=False)
    with pytest.raises(ConfigError, match="'laion_clap' is not installed") as caught:
        LaionClapEncoder(device="cpu")
    assert "mgcld[laion]" in caught.value.help


def test_a_package_that_its_libraries_break_is_a_named_error_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "laion_clap"]:
        monkeypatch.delitem(sys.modules, name)
    (tmp_path / "laion_clap").mkdir()
    (tmp_path / "laion_clap" / "__init__.py").write_text("raise RuntimeError('operator torchvision::nms')")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match="cannot be imported: operator torchvision::nms") as caught:
        Package()
    assert "mgcld[laion]" in caught.value.help


@pytest.mark.parametrize("core", [b"core", b"_core"])
def test_numpy_scalars_beside_the_weights_are_read_under_both_their_names(tmp_path: Path, core: bytes) -> None:
    save({"a.weight": torch.arange(3.0)}, tmp_path)
    written, renamed = tmp_path / "630k-audioset-best.pt", tmp_path / "renamed.pt"
    with zipfile.ZipFile(written) as source, zipfile.ZipFile(renamed, "w") as target:
        for entry in source.namelist():
            content = source.read(entry)
            for old in (b"cnumpy.core.", b"cnumpy._core."):
                content = content.replace(old, b"cnumpy." + core + b".") if entry.endswith(".pkl") else content
            target.writestr(entry, content)
        assert any(b"cnumpy." + core + b".multiarray\nscalar" in target.read(e) for e in target.namelist())
    state = state_of(renamed)
    assert list(state) == ["a.weight"]
    assert torch.equal(state["a.weight"], torch.arange(3.0))


class Touch:
    """Pickled, it is a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_file_with_code_is_refused_and_the_code_does_not_run(tmp_path: Path) -> None:
    torch.save({"state_dict": {}, "epoch": Touch(tmp_path / "it-ran")}, tmp_path / "bad.pt")
    with pytest.raises(CheckpointError, match="no checkpoint that can be loaded safely"):
        state_of(tmp_path / "bad.pt")
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("content", [[], {"state_dict": 3}, {"state_dict": {"a": 1}}])
def test_a_file_without_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "bad.pt")
    with pytest.raises(CheckpointError, match="holds no `state_dict`"):
        state_of(tmp_path / "bad.pt")


def test_a_clip_is_rounded_to_16_bits_repeated_while_it_fits_and_padded() -> None:
    clip = torch.linspace(-1.5, 1.5, 3 * SECOND)
    filled = _filled(clip)
    assert filled.shape == (10 * SECOND,)
    assert torch.equal(filled[: 3 * SECOND], filled[3 * SECOND : 6 * SECOND])
    assert torch.equal(filled[: 3 * SECOND], filled[6 * SECOND : 9 * SECOND])
    assert not filled[9 * SECOND :].any()
    assert (filled[0], filled[3 * SECOND - 1]) == (-1, 1)
    steps = filled * 32_767
    assert close(steps, steps.round(), 0.01)
    assert 0 < float((filled[: 3 * SECOND] - clip.clamp(-1, 1)).abs().max()) <= 1 / 32_767


def test_the_published_checkpoints_are_listed_the_default_first() -> None:
    known = LaionClapEncoder.checkpoints()
    assert known[0].model == inspect.signature(LaionClapEncoder).parameters["model"].default
    assert {(each.licence, each.sample_rate, each.segment_seconds) for each in known} == {("CC0-1.0", 48_000, 0.3125)}
    package, weights, words = str(known[1].fetch).split(" && ")
    assert package == "pip install 'mgcld[laion]'"
    assert weights == "hf download lukewys/laion_clap 630k-best.pt"
    assert words == "hf download FacebookAI/roberta-base tokenizer.json"


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("lukewys/laion_clap/630k-best.pt", ("lukewys/laion_clap", "630k-best.pt")),
        ("/somewhere/a/file.pt", ("/somewhere/a/file.pt", "630k-audioset-best.pt")),
        ("./a/b.pt", ("./a/b.pt", "630k-audioset-best.pt")),
        ("lukewys/laion_clap", ("lukewys/laion_clap", "630k-audioset-best.pt")),
        ("~nobody-at-all/a/b.pt", ("~nobody-at-all/a/b.pt", "630k-audioset-best.pt")),
        (f"lab/{300 * 'a'}/b.pt", (f"lab/{300 * 'a'}", "b.pt")),
    ],
)
def test_a_model_is_a_file_of_the_hub_or_a_path(model: str, place: tuple[str, str]) -> None:
    assert _place(model) == place


@with_package
def test_it_is_an_encoder_and_states_what_it_gives(encoder: LaionClapEncoder, folder: Path) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.sample_rate, encoder.device) == (f"laion_clap={folder}", 48_000, "cpu")
    assert encoder.segment_seconds == 0.3125
    assert encoder.audio_dim == encoder.text_dim == JOINT
    features = heard(encoder, noise(2, 5 * SECOND))
    assert features.fine.shape == (2, 16, JOINT)
    assert close(features.fine.norm(dim=-1), torch.ones(2, 16))
    assert close(features.weights, torch.full((2, 16), 1 / 16))
    assert close(features.coarse, torch.nn.functional.normalize(features.fine.sum(1), dim=-1))


@with_package
def test_the_larger_audio_network_is_known_by_its_weights(tmp_path: Path) -> None:
    larger = LaionClapEncoder(str(made("HTSAT-base", tmp_path)), device="cpu")
    features = heard(larger, noise(1, 10 * SECOND))
    assert features.fine.shape == (1, 32, JOINT)
    assert float((features.fine[0] @ features.fine[0].T).min()) < 0.99, "all segments alike"


@with_package
def test_what_was_not_heard_has_no_weight_and_no_influence(encoder: LaionClapEncoder) -> None:
    sounds = noise(1, 5 * SECOND)
    loud = sounds.clone()
    loud[:, 2 * SECOND :] = 0.9
    one, other = heard(encoder, sounds, 2 * SECOND), heard(encoder, loud, 2 * SECOND)
    assert (one.weights > 0).tolist() == [[True] * 7 + [False] * 9]
    assert float(one.weights.sum()) == pytest.approx(1)
    assert torch.equal(one.fine, other.fine)
    assert torch.equal(one.coarse, other.coarse)


@with_package
@pytest.mark.parametrize(("samples", "segments"), [(0, 1), (1, 1), (SECOND, 4), (10 * SECOND, 32), (12 * SECOND, 64)])
def test_windows_of_any_length_are_heard(encoder: LaionClapEncoder, samples: int, segments: int) -> None:
    features = heard(encoder, noise(1, samples))
    assert features.fine.shape == (1, segments, JOINT)
    assert bool((features.weights > 0).all())
    assert bool(features.fine.isfinite().all())


@with_package
def test_a_long_window_is_heard_as_clips_that_cover_it(folder: Path) -> None:
    native = LaionClapEncoder(str(folder), device="cpu", coarse="native")
    native._clips.largest = 1
    sounds = noise(1, 12 * SECOND)
    whole = heard(native, sounds)
    parts = [heard(native, sounds[:, first : first + 10 * SECOND]) for first in (0, 2 * SECOND)]
    assert close(whole.fine, torch.cat([part.fine for part in parts], 1))
    both = torch.nn.functional.normalize(parts[0].coarse + parts[1].coarse, dim=-1)
    assert close(whole.coarse, both)


@with_package
def test_texts_are_unit_rows_whatever_stands_beside_them(encoder: LaionClapEncoder) -> None:
    rows = encoder.embed_text([*SENTENCES, "rain " * 200])
    assert rows.shape == (5, JOINT)
    assert close(rows.norm(dim=-1), torch.ones(5))
    assert close(rows[1:2], encoder.embed_text(SENTENCES[1:2]))
    assert close(rows[4:], encoder.embed_text(["rain " * 100]))
    assert encoder.embed_text([]).shape == (0, JOINT)


@with_package
def test_less_precision_is_nearly_the_same(encoder: LaionClapEncoder, folder: Path) -> None:
    other = heard(LaionClapEncoder(str(folder), device="cpu", precision="bfloat16"), noise(1, SECOND)).fine
    assert other.dtype == torch.float32
    assert 0 < float((heard(encoder, noise(1, SECOND)).fine - other).abs().max()) < 0.1


@with_package
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"audio_branch.norm.bias": None}, "missing: audio_branch.norm.bias"),
        ({"audio_branch.patch_embed.mel_conv2d.bias": torch.zeros(2)}, "unexpected: .*mel_conv2d.bias"),
        ({"audio_projection.0.bias": torch.zeros(2)}, "of another shape: audio_projection.0.bias"),
        ({"text_branch.embeddings.position_ids": torch.zeros(1, 3)}, "not as they are known: .*position_ids"),
        ({"text_branch.embeddings.word_embeddings.weight": None}, "missing: text_branch.embeddings.word_embeddings"),
        ({"audio_branch.patch_embed.proj.weight": torch.zeros(7, 1, 4, 4)}, "no audio network of width 7"),
    ],
)
def test_every_key_is_accounted_for(folder: Path, tmp_path: Path, change: dict[str, Tensor | None], told: str) -> None:
    state = state_of(folder / "630k-audioset-best.pt") | change
    save({name: tensor for name, tensor in state.items() if tensor is not None}, tmp_path)
    with pytest.raises(CheckpointError, match=told):
        LaionClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")


def test_a_checkpoint_with_fusion_is_told_before_anything_is_built(tmp_path: Path) -> None:
    save({"audio_branch.patch_embed.mel_conv2d.weight": torch.zeros(2)}, tmp_path)
    with pytest.raises(CheckpointError, match="with fusion") as caught:
        build(object.__new__(Package), tmp_path / "630k-audioset-best.pt")  # a package that was not even imported
    assert "clap-htsat-fused" in caught.value.help


@with_package
def test_without_weights_it_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match="lukewys/laion_clap") as caught:
        LaionClapEncoder(device="cpu")
    assert "630k-audioset-best.pt" in caught.value.help


@with_package
def test_the_configuration_names_it(folder: Path) -> None:
    listener = listener_of(
        build_encoder(Part.model_validate({"type": "laion_clap", "model": str(folder)})), Part(type="none")
    )
    assert isinstance(listener.encoder, LaionClapEncoder)
