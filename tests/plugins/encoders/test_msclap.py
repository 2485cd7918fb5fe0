"""`msclap`: the network against its publisher's steps, the segments, and what a checkpoint must hold."""

import hashlib
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from mgcld_plugins.encoders._state import unpickled
from mgcld_plugins.encoders.msclap import MsClapEncoder
from tiny_msclap import AUDIO, JOINT, SENTENCES, TEXT, feature_map, project, save_tiny_msclap
from torch import Tensor

from mgcld.assemble.parts import build_encoder, listener_of
from mgcld.config import Part
from mgcld.data import AudioFeatures
from mgcld.errors import CheckpointError, ConfigError, WeightsUnavailable
from mgcld.interfaces import Encoder

WINDOW, SECOND, SEGMENT = 220_500, 44_100, 10_240
FILE = "CLAP_weights_2022.pth"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_msclap(tmp_path_factory.mktemp("msclap"))


@pytest.fixture(scope="module")
def state(folder: Path) -> dict[str, Tensor]:
    model: dict[str, Tensor] = torch.load(folder / FILE, weights_only=True)["model"]
    return model


@pytest.fixture(scope="module")
def encoder(folder: Path) -> MsClapEncoder:
    return MsClapEncoder(str(folder), device="cpu")


@pytest.fixture(scope="module")
def native(folder: Path) -> MsClapEncoder:
    return MsClapEncoder(str(folder), device="cpu", coarse="native")


@pytest.fixture
def altered(folder: Path, state: dict[str, Tensor], tmp_path: Path) -> Callable[..., MsClapEncoder]:
    """Loads the checkpoint with some of its keys replaced (None: left out)."""

    def load(**changes: Tensor | None) -> MsClapEncoder:
        changed = {key: tensor for key, tensor in {**state, **changes}.items() if tensor is not None}
        torch.save({"model": changed}, tmp_path / FILE)
        return MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")

    return load


def noise(*shape: int, seed: int = 0) -> Tensor:
    loudness = torch.linspace(0.01, 0.3, shape[-1])
    return loudness * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def heard(encoder: MsClapEncoder, samples: Tensor, valid: int | None = None) -> AudioFeatures:
    return encoder.embed_audio(samples, torch.full((len(samples),), samples.shape[1] if valid is None else valid))


def close(one: Tensor, other: Tensor, tolerance: float = 1e-5) -> bool:
    return one.shape == other.shape and torch.allclose(one, other, rtol=0, atol=tolerance)


def test_it_is_an_encoder_and_states_what_it_gives(encoder: MsClapEncoder, folder: Path) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.sample_rate, encoder.device) == (f"msclap={folder}", 44_100, "cpu")
    assert encoder.segment_seconds == pytest.approx(0.2322, abs=1e-4)
    assert encoder.audio_dim == encoder.text_dim == JOINT
    assert torch.equal(encoder.alignment, torch.eye(JOINT))
    assert encoder.weights_hash == hashlib.sha256((folder / FILE).read_bytes()).hexdigest()


def test_five_seconds_are_21_segments_of_unit_length_and_equal_weight(encoder: MsClapEncoder) -> None:
    features = heard(encoder, noise(2, WINDOW))
    assert features.fine.shape == (2, 21, JOINT)
    assert close(features.fine.norm(dim=-1), torch.ones(2, 21))
    assert close(features.weights, torch.full((2, 21), 1 / 21))
    assert close(features.coarse, torch.nn.functional.normalize(features.fine.sum(1), dim=-1))


def test_segments_and_clip_are_what_the_publishers_steps_make_of_the_same_tensors(
    encoder: MsClapEncoder, native: MsClapEncoder, state: dict[str, Tensor]
) -> None:
    sounds = noise(2, WINDOW)
    features = heard(native, sounds)
    rows = feature_map(state, sounds).mean(3)
    assert rows.shape[2] == 21
    each_alone = torch.stack([project(state, rows[..., [t]].amax(2) + rows[..., [t]].mean(2)) for t in range(21)], 1)
    assert close(features.fine, each_alone)
    assert close(features.coarse, project(state, rows.amax(2) + rows.mean(2)))
    assert native.name.endswith("?coarse=native")
    assert native.weights_hash != encoder.weights_hash
    different = features.fine[0] @ features.fine[0].T
    assert different.min() < 0.99, "all segments alike: the comparison would say nothing"


def test_what_was_not_heard_has_no_weight_and_no_influence(encoder: MsClapEncoder, native: MsClapEncoder) -> None:
    valid = 7 * SEGMENT + 1
    sounds = noise(1, WINDOW)
    silent, loud = sounds.clone(), sounds.clone()
    silent[:, valid:], loud[:, valid:] = 0, 0.9
    one, other = heard(encoder, silent, valid), heard(encoder, loud, valid)
    assert (one.weights > 0).tolist() == [[True] * 8 + [False] * 13]
    assert float(one.weights.sum()) == pytest.approx(1)
    assert torch.equal(one.fine, other.fine)
    assert torch.equal(one.coarse, other.coarse)
    repeated = sounds[:, torch.arange(WINDOW) % valid]
    assert close(heard(native, silent, valid).coarse, heard(native, repeated).coarse)


def test_rows_of_a_batch_may_be_valid_to_different_lengths(encoder: MsClapEncoder) -> None:
    sounds, valid = noise(3, WINDOW), torch.tensor([WINDOW, 3 * SECOND, 1])
    together = encoder.embed_audio(sounds, valid)
    assert (together.weights > 0).sum(1).tolist() == [21, 13, 1]
    for i in range(3):
        alone = encoder.embed_audio(sounds[i : i + 1], valid[i : i + 1])
        assert close(alone.fine[0], together.fine[i])
        assert close(alone.coarse[0], together.coarse[i])


@pytest.mark.parametrize(
    ("samples", "segments"), [(0, 1), (1, 1), (SECOND, 5), (2 * SECOND, 9), (WINDOW, 21), (12 * SECOND, 51)]
)
def test_windows_of_any_length_are_heard(encoder: MsClapEncoder, samples: int, segments: int) -> None:
    features = heard(encoder, noise(1, samples))
    assert features.fine.shape == (1, segments, JOINT)
    assert bool((features.weights > 0).all())
    assert bool(features.fine.isfinite().all())


def test_silence_is_finite(encoder: MsClapEncoder) -> None:
    features = heard(encoder, torch.zeros(1, WINDOW), 0)
    assert bool(features.fine.isfinite().all())
    assert (features.weights > 0).sum() == 1


def test_a_batch_in_pieces_is_the_batch(folder: Path, encoder: MsClapEncoder) -> None:
    pieces = MsClapEncoder(str(folder), device="cpu")
    pieces._windows.largest = pieces._texts.largest = 2
    sounds = noise(3, SECOND)
    assert close(heard(pieces, sounds).fine, heard(encoder, sounds).fine)
    assert close(pieces.embed_text(SENTENCES[:3]), encoder.embed_text(SENTENCES[:3]))


def test_a_text_is_a_unit_row_whatever_stands_beside_it(encoder: MsClapEncoder) -> None:
    rows = encoder.embed_text(["rain", "a door bell rings twice on a roof", ""])
    assert rows.shape == (3, JOINT)
    assert close(rows.norm(dim=-1), torch.ones(3))
    assert close(rows[:1], encoder.embed_text(["RAIN"]))
    assert not close(rows[0], rows[1], 0.01)
    assert encoder.embed_text([]).shape == (0, JOINT)


def test_of_a_long_text_the_first_hundred_tokens_count(encoder: MsClapEncoder) -> None:
    assert close(encoder.embed_text(["rain " * 99]), encoder.embed_text(["rain " * 500]))


def test_less_precision_is_nearly_the_same(encoder: MsClapEncoder, folder: Path) -> None:
    coarse = MsClapEncoder(str(folder), device="cpu", precision="bfloat16")
    one, other = heard(encoder, noise(1, SECOND)), heard(coarse, noise(1, SECOND))
    assert other.fine.dtype == torch.float32
    assert 0 < float((one.fine - other.fine).abs().max()) < 0.1


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_hears_what_the_cpu_hears(encoder: MsClapEncoder, folder: Path) -> None:
    other = MsClapEncoder(str(folder), device="cuda")
    sounds = noise(2, WINDOW)
    assert close(heard(other, sounds).fine.cpu(), heard(encoder, sounds).fine, 5e-3)
    assert close(other.embed_text(SENTENCES).cpu(), encoder.embed_text(SENTENCES), 5e-3)


def test_the_configuration_names_it(folder: Path) -> None:
    listener = listener_of(
        build_encoder(Part.model_validate({"type": "msclap", "model": str(folder)})), Part(type="none")
    )
    assert isinstance(listener.encoder, MsClapEncoder)


def test_the_file_itself_may_be_named_and_the_tokenizer_elsewhere(
    folder: Path, tmp_path: Path, encoder: MsClapEncoder
) -> None:
    alone = tmp_path / "renamed.pth"
    alone.write_bytes((folder / FILE).read_bytes())
    named = MsClapEncoder(str(alone), tokenizer=str(folder / "tokenizer.json"), device="cpu")
    assert torch.equal(named.embed_text(SENTENCES), encoder.embed_text(SENTENCES))


def test_files_of_before_zip_load_too(folder: Path, tmp_path: Path, encoder: MsClapEncoder) -> None:
    whole = torch.load(folder / FILE, weights_only=True)
    torch.save(whole, tmp_path / FILE, _use_new_zipfile_serialization=False)
    old = MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")
    assert torch.equal(old.embed_text(SENTENCES), encoder.embed_text(SENTENCES))


@pytest.mark.parametrize(
    "key",
    [
        f"{AUDIO}conv_block4.bn2.running_var",
        f"{AUDIO}conv_block1.conv1.weight",
        f"{TEXT}encoder.layer.1.output.dense.bias",
        "caption_encoder.projection.linear2.weight",
    ],
)
def test_a_missing_key_is_named(altered: Callable[..., MsClapEncoder], key: str) -> None:
    with pytest.raises(CheckpointError, match=f"missing: {key}"):
        altered(**{key: None})


def test_an_unexpected_key_is_named(altered: Callable[..., MsClapEncoder]) -> None:
    with pytest.raises(CheckpointError, match=r"unexpected: audio_encoder\.base\.fc2\.weight"):
        altered(**{"audio_encoder.base.fc2.weight": torch.zeros(2)})


def test_a_key_of_another_shape_is_named(altered: Callable[..., MsClapEncoder]) -> None:
    with pytest.raises(CheckpointError, match=r"of another shape: audio_encoder.base.bn0.bias"):
        altered(**{"audio_encoder.base.bn0.bias": torch.zeros(65)})


@pytest.mark.parametrize(
    ("key", "content"),
    [
        (f"{AUDIO}logmel_extractor.melW", torch.rand(513, 64)),
        (f"{AUDIO}spectrogram_extractor.stft.conv_imag.weight", torch.rand(513, 1, 1024)),
        (f"{TEXT}embeddings.position_ids", torch.zeros(1, 128)),
        (f"{TEXT}pooler.dense.weight", torch.zeros(20, 21)),
        ("logit_scale", torch.zeros(2)),
    ],
)
def test_what_is_not_needed_must_be_what_it_is_known_to_be(
    altered: Callable[..., MsClapEncoder], key: str, content: Tensor
) -> None:
    with pytest.raises(CheckpointError, match=f"not as they are known: {key}"):
        altered(**{key: content})


def test_what_is_not_needed_may_be_missing(
    altered: Callable[..., MsClapEncoder], state: dict[str, Tensor], encoder: MsClapEncoder
) -> None:
    left = ("extractor", "fc_audioset", "pooler", "position_ids", "logit_scale")
    bare = altered(**{key: None for key in state if any(part in key for part in left)})
    assert torch.equal(heard(bare, noise(1, SECOND)).fine, heard(encoder, noise(1, SECOND)).fine)


class Touch:
    """Pickled, it is a call."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_a_file_with_code_is_refused_and_the_code_does_not_run(folder: Path, tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"
    torch.save({"model": {}, "epoch": Touch(trace)}, tmp_path / FILE)
    with pytest.raises(CheckpointError, match="no checkpoint that can be loaded safely"):
        MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")
    assert not trace.exists()
    (tmp_path / FILE).write_bytes(pickle.dumps(Touch(trace)))
    with pytest.raises(CheckpointError, match="no checkpoint that can be loaded safely"):
        MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")
    assert not trace.exists()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_half_a_file_is_refused(folder: Path, tmp_path: Path, share: float) -> None:
    whole = (folder / FILE).read_bytes()
    (tmp_path / FILE).write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(CheckpointError, match="no checkpoint that can be loaded safely"):
        MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")


@pytest.mark.parametrize("old", [False, True])
def test_whatever_byte_of_a_file_is_damaged_it_is_no_other_error(tmp_path: Path, old: bool) -> None:
    torch.save({"model": {"a": torch.arange(5.0)}}, tmp_path / "w.pth", _use_new_zipfile_serialization=not old)
    whole, refused = (tmp_path / "w.pth").read_bytes(), 0
    for place in range(0, len(whole), 2):
        (tmp_path / "w.pth").write_bytes(whole[:place] + bytes([whole[place] ^ 0x5A]) + whole[place + 1 :])
        try:
            unpickled(tmp_path / "w.pth")
        except CheckpointError:
            refused += 1
    assert refused > 20


@pytest.mark.parametrize("content", [{"state_dict": {}}, {"model": {"a": 1}}, [torch.zeros(2)]])
def test_a_file_without_tensors_under_model_is_refused(folder: Path, tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / FILE)
    with pytest.raises(CheckpointError, match="holds no `model`"):
        MsClapEncoder(str(tmp_path), tokenizer=str(folder), device="cpu")


def test_without_weights_it_says_what_to_put_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsUnavailable, match="microsoft/msclap") as caught:
        MsClapEncoder(device="cpu")
    for said in (FILE, "c47d441165daa21986ead0850660917636a81775", "mini"):
        assert said in caught.value.help


def test_without_a_tokenizer_it_says_what_to_put_where(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    (tmp_path / FILE).write_bytes((folder / FILE).read_bytes())
    with pytest.raises(WeightsUnavailable, match="google-bert/bert-base-uncased") as caught:
        MsClapEncoder(str(tmp_path), device="cpu")
    assert "tokenizer.json" in caught.value.help


def test_a_tokenizer_of_another_model_is_refused(altered: Callable[..., MsClapEncoder]) -> None:
    with pytest.raises(CheckpointError, match="do not belong together"):
        altered(**{f"{TEXT}embeddings.word_embeddings.weight": torch.zeros(1000, 20)})


def test_a_damaged_tokenizer_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match=r"is no tokenizer\.json"):
        MsClapEncoder(str(folder), tokenizer=str(tmp_path), device="cpu")


def test_a_tokenizer_that_does_not_mark_where_a_text_begins_is_refused(folder: Path, tmp_path: Path) -> None:
    words = json.loads((folder / "tokenizer.json").read_text()) | {"post_processor": None}
    (tmp_path / "tokenizer.json").write_text(json.dumps(words))
    with pytest.raises(CheckpointError, match="does not mark where a text begins"):
        MsClapEncoder(str(folder), tokenizer=str(tmp_path), device="cpu")


def test_another_version_is_refused(folder: Path) -> None:
    with pytest.raises(ConfigError, match="2023 is not offered"):
        MsClapEncoder(str(folder), version=2023, device="cpu")


def test_the_published_checkpoint_is_listed() -> None:
    (known,) = MsClapEncoder.checkpoints()
    assert (known.model, known.licence, known.sample_rate) == ("microsoft/msclap", "MS-PL", 44_100)
    weights, words = str(known.fetch).split(" && ")
    assert weights == f"hf download microsoft/msclap --revision {known.revision} {FILE}"  # not its other models
    assert words == "hf download google-bert/bert-base-uncased tokenizer.json"


def test_importing_it_brings_neither_transformers_nor_a_reference_package() -> None:
    script = """
import sys
import mgcld_plugins.encoders.msclap, mgcld_plugins.encoders.laion_clap
sys.exit(", ".join({"transformers", "huggingface_hub", "laion_clap", "msclap"} & set(sys.modules)) or 0)
"""
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (ended.returncode, ended.stderr) == (0, "")
