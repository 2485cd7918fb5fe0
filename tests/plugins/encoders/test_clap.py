import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from mgcld_plugins.encoders._clap_model import load_clap, segments_of
from mgcld_plugins.encoders.clap import ClapEncoder
from safetensors.torch import load_file, save_file
from tiny_clap import SENTENCES, save_tiny_clap, tokenizer
from torch import Tensor
from torch.nn.functional import normalize

from mgcld.data import AudioFeatures
from mgcld.errors import CheckpointError, DeviceUnavailable, WeightsUnavailable
from mgcld.interfaces import Encoder

RATE = 48_000
WINDOW = 5 * RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def fused(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_clap(tmp_path_factory.mktemp("fused"), fusion=True)


@pytest.fixture(scope="module")
def encoder(folder: Path) -> ClapEncoder:
    return ClapEncoder(str(folder), device="cpu")


def sounds(count: int, samples: int) -> Tensor:
    """Noise, each of another level and colour, that swells."""
    noise = torch.randn(count, samples, generator=torch.Generator().manual_seed(count))
    dark = noise.cumsum(1) / 50
    shares = torch.linspace(0, 1, count)[:, None]
    return (shares * noise + (1 - shares) * (dark - dark.mean(1, keepdim=True))) * torch.linspace(0.01, 0.2, samples)


def straight(folder: Path, clip: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Segments, pooled output and clip embedding of one clip, by transformers alone."""
    from transformers import ClapFeatureExtractor, ClapModel

    model: Any = ClapModel.from_pretrained(folder).eval()
    inputs = ClapFeatureExtractor.from_pretrained(folder)(clip.numpy(), sampling_rate=RATE, return_tensors="pt")
    inputs["is_longer"] = torch.zeros(1, 1, dtype=torch.bool)
    with torch.no_grad():
        heard = model.audio_model(**inputs)
        embedded = model.get_audio_features(**inputs).pooler_output
    return heard.last_hidden_state.mean(2).transpose(1, 2)[0], heard.pooler_output[0], embedded[0]


def projected(folder: Path, rows: Tensor) -> Tensor:
    from transformers import ClapModel

    with torch.no_grad():
        return normalize(ClapModel.from_pretrained(folder).eval().audio_projection(rows), dim=-1)


def assert_alike(one: AudioFeatures, other: AudioFeatures, tolerance: float = 1e-5) -> None:
    for name in ("fine", "weights", "coarse"):
        torch.testing.assert_close(
            getattr(one, name).cpu(), getattr(other, name).cpu(), atol=tolerance, rtol=0, msg=name
        )


def test_it_is_an_encoder_and_states_what_it_gives(encoder: ClapEncoder, folder: Path) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.sample_rate, encoder.device) == (f"clap={folder}", RATE, "cpu")
    assert encoder.segment_seconds == pytest.approx(0.3125)
    assert (encoder.audio_dim, encoder.text_dim, len(encoder.tag_names)) == (24, 24, 0)
    assert torch.equal(encoder.alignment, torch.eye(24))
    assert encoder.weights_hash == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    heard = encoder.embed_audio(sounds(3, WINDOW), torch.full((3,), WINDOW))
    assert heard.fine.shape == (3, 16, 24)
    assert heard.tags is None
    assert torch.allclose(heard.fine.norm(dim=-1), torch.ones(3, 16), atol=1e-5)
    assert torch.allclose(heard.weights, torch.full((3, 16), 1 / 16))
    assert torch.allclose(heard.coarse.norm(dim=-1), torch.ones(3), atol=1e-5)
    assert heard.fine.std(1).mean() > 0.01  # the segments of a sound that swells differ


@pytest.mark.parametrize("seconds", [0.4, 3.0, 5.0, 7.3, 10.0])
def test_features_are_what_transformers_computes(encoder: ClapEncoder, folder: Path, seconds: float) -> None:
    clip = sounds(2, round(seconds * RATE))
    heard = encoder.embed_audio(clip, torch.full((2,), clip.shape[1]))
    for i in range(2):
        segments, pooled, _ = straight(folder, clip[i])
        torch.testing.assert_close(segments.mean(0), pooled, atol=1e-5, rtol=0)
        wanted = projected(folder, segments)[: heard.fine.shape[1]]
        torch.testing.assert_close(heard.fine[i], wanted, atol=1e-4, rtol=0)
        torch.testing.assert_close(heard.coarse[i], normalize(wanted.mean(0), dim=-1), atol=1e-4, rtol=0)


def test_the_native_coarse_feature_is_the_models_own(encoder: ClapEncoder, folder: Path) -> None:
    clip = sounds(2, WINDOW)
    native = ClapEncoder(str(folder), device="cpu", coarse="native")
    assert native.name == f"clap={folder}?coarse=native"
    assert native.weights_hash != encoder.weights_hash  # neither serves an adapter, or fills a cache, of the other
    heard = native.embed_audio(clip, torch.full((2,), WINDOW))
    for i in range(2):
        torch.testing.assert_close(heard.coarse[i], straight(folder, clip[i])[2], atol=1e-4, rtol=0)
    mean = encoder.embed_audio(clip, torch.full((2,), WINDOW))
    torch.testing.assert_close(heard.fine, mean.fine)
    assert (heard.coarse - mean.coarse).abs().max() > 1e-3


def test_a_fusion_checkpoint_hears_short_clips_and_always_the_same(fused: Path) -> None:
    encoder, clip = ClapEncoder(str(fused), device="cpu"), sounds(2, 4 * RATE)
    heard = encoder.embed_audio(clip, torch.full((2,), 4 * RATE))
    for i in range(2):
        segments, _, _ = straight(fused, clip[i])
        torch.testing.assert_close(heard.fine[i], projected(fused, segments)[:13], atol=1e-4, rtol=0)
    assert_alike(encoder.embed_audio(clip, torch.full((2,), 4 * RATE)), heard, 0)


def test_what_is_valid_is_heard_as_a_clip_of_its_own_and_the_rest_weighs_nothing(encoder: ClapEncoder) -> None:
    windows, valid = sounds(4, WINDOW), [WINDOW, 100_000, 0, 15_001]
    heard = encoder.embed_audio(windows, torch.tensor(valid))
    assert (heard.weights > 0).sum(1).tolist() == [16, 7, 1, 2]
    assert torch.allclose(heard.weights.sum(1), torch.ones(4))
    assert not heard.fine[heard.weights == 0].any()
    alone = encoder.embed_audio(windows[1:2, :100_000], torch.tensor([100_000]))
    assert_alike(AudioFeatures(heard.fine[1:2, :7], heard.weights[1:2, :7], heard.coarse[1:2]), alone)


def test_a_batch_is_what_its_windows_are_alone(encoder: ClapEncoder) -> None:
    windows, valid = sounds(5, WINDOW), torch.tensor([WINDOW, 30_000, WINDOW, 1, 30_000])
    together = encoder.embed_audio(windows, valid)
    for i in range(5):
        alone = encoder.embed_audio(windows[i : i + 1], valid[i : i + 1])
        one = AudioFeatures(*(each[i : i + 1] for each in (together.fine, together.weights, together.coarse)))
        assert_alike(one, alone)


def test_a_window_longer_than_a_clip_is_evenly_spaced_clips(encoder: ClapEncoder) -> None:
    windows = sounds(2, 23 * RATE)
    heard = encoder.embed_audio(windows, torch.tensor([23 * RATE, 9 * RATE]))
    assert heard.fine.shape == (2, 96, 24)
    assert (heard.weights > 0).sum(1).tolist() == [96, 29]
    for i, first in enumerate((0, round(6.5 * RATE), 13 * RATE)):
        clip = encoder.embed_audio(windows[:1, first : first + 10 * RATE], torch.tensor([10 * RATE]))
        torch.testing.assert_close(heard.fine[:1, 32 * i : 32 * i + 32], clip.fine, atol=1e-5, rtol=0)


@pytest.mark.parametrize("samples", [0, 1, 479, 480_001])
def test_any_number_of_samples_will_do(encoder: ClapEncoder, samples: int) -> None:
    heard = encoder.embed_audio(sounds(2, max(samples, 1))[:, :samples], torch.tensor([samples, samples // 2]))
    assert heard.fine.isfinite().all()
    assert torch.allclose(heard.weights.sum(1), torch.ones(2))
    assert torch.allclose(heard.coarse.norm(dim=-1), torch.ones(2), atol=1e-5)


def test_texts_are_what_transformers_makes_of_them(encoder: ClapEncoder, folder: Path) -> None:
    from transformers import AutoTokenizer, ClapModel

    texts = [*SENTENCES, "", "Türklingel, 2 × kurz! \N{SNOWMAN}"]
    rows = encoder.embed_text(texts)
    assert rows.shape == (6, 24)
    tokens = AutoTokenizer.from_pretrained(folder)(texts, padding=True, return_tensors="pt")
    with torch.no_grad():
        wanted = ClapModel.from_pretrained(folder).eval().get_text_features(**tokens).pooler_output
    torch.testing.assert_close(rows, wanted, atol=1e-4, rtol=0)
    for i, text in enumerate(texts):
        torch.testing.assert_close(encoder.embed_text([text])[0], rows[i], atol=1e-5, rtol=0)


def test_a_text_of_any_length_and_any_number_of_texts_will_do(encoder: ClapEncoder) -> None:
    assert encoder.embed_text(["a dog " * 500]).isfinite().all()
    assert encoder.embed_text([]).shape == (0, 24)
    assert encoder.embed_text(["rain"] * 70).shape == (70, 24)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_lower_precision_gives_float32_that_is_near(encoder: ClapEncoder, folder: Path, precision: Any) -> None:
    coarser, clip = ClapEncoder(str(folder), device="cpu", precision=precision), sounds(2, WINDOW)
    found, wanted = (each.embed_audio(clip, torch.full((2,), WINDOW)) for each in (coarser, encoder))
    assert found.fine.dtype == found.coarse.dtype == found.weights.dtype == torch.float32
    assert 0 < (found.fine - wanted.fine).abs().max() < 0.1
    text = coarser.embed_text(SENTENCES)
    assert text.dtype == torch.float32
    assert 0 < (text - encoder.embed_text(SENTENCES)).abs().max() < 0.1


def test_a_larger_model_states_its_own_sizes() -> None:
    from transformers import ClapAudioConfig

    large = ClapAudioConfig(depths=[2, 2, 12, 2], patch_embeds_hidden_size=128, hidden_size=1024)
    assert segments_of(large) == segments_of(ClapAudioConfig(patch_stride=4)) == 32


def test_a_checkpoint_of_older_files_gives_the_same(encoder: ClapEncoder, folder: Path, tmp_path: Path) -> None:
    for path in folder.iterdir():
        if path.suffix == ".json" and path.name != "tokenizer.json":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    tokenizer()._tokenizer.model.save(str(tmp_path))  # vocab.json and merges.txt
    weights = load_file(folder / "model.safetensors")
    weights = {
        name: tensor for name, tensor in weights.items() if not name.endswith(("position_ids", "token_type_ids"))
    }
    torch.save(weights, tmp_path / "pytorch_model.bin")
    older, clip = ClapEncoder(str(tmp_path), device="cpu"), sounds(1, RATE)
    assert_alike(older.embed_audio(clip, torch.tensor([RATE])), encoder.embed_audio(clip, torch.tensor([RATE])))
    torch.testing.assert_close(older.embed_text(SENTENCES), encoder.embed_text(SENTENCES))
    assert older.weights_hash == hashlib.sha256((tmp_path / "pytorch_model.bin").read_bytes()).hexdigest()


def spoil_type(folder: Path) -> None:
    (folder / "config.json").write_text(json.dumps({"model_type": "clip"}))


def spoil_config(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def spoil_weights(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[:-1000])


def lose_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    del weights["audio_projection.linear1.weight"]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def grow_a_tensor(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["audio_projection.linear1.weight"] = torch.zeros(25, 64)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


def spoil_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("no tokenizer")


def change_front(folder: Path, **options: object) -> None:
    path = folder / "preprocessor_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | options))


def lose_the_front(folder: Path) -> None:
    (folder / "preprocessor_config.json").unlink()
    (folder / "processor_config.json").write_text(json.dumps({"processor_class": "ClapProcessor"}))


def add_a_word(folder: Path) -> None:
    words = json.loads((folder / "tokenizer.json").read_text())
    words["model"]["vocab"] |= {f"word{i}": len(words["model"]["vocab"]) + i for i in range(60)}
    (folder / "tokenizer.json").write_text(json.dumps(words))


def lose_padding(folder: Path) -> None:
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))


SPOILT = {
    "no front end": (lose_the_front, "Can't load feature extractor"),
    "another front end": (
        partial(change_front, feature_extractor_type="WhisperFeatureExtractor"),
        "of type WhisperFeatureExtractor",
    ),
    "too many bands": (partial(change_front, feature_size=80), "of 64 bands, and its front end makes 1001 of 80"),
    "too long a clip": (partial(change_front, nb_max_samples=600_000, max_length_s=12.5), "at most 1024 frames"),
    "a rate that is none": (partial(change_front, sampling_rate="fast"), "cannot be read"),
    "a tokenizer of another model": (add_a_word, "knows 331 words, and the weights 320"),
    "a tokenizer that cannot fill up": (lose_padding, "no token to fill up"),
    "a model of another type": (spoil_type, "of type clip"),
    "a config that is none": (spoil_config, "cannot be read"),
    "half a download": (spoil_weights, "cannot be read"),
    "a tensor too few": (lose_a_tensor, "audio_projection.linear1.weight"),
    "a tensor of another size": (grow_a_tensor, "cannot be read"),
    "a broken tokenizer": (spoil_tokenizer, "cannot be read"),
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_damaged_checkpoint_is_a_named_error(tmp_path: Path, folder: Path, how: str) -> None:
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    spoil, said = SPOILT[how]
    spoil(tmp_path)
    with pytest.raises(CheckpointError, match=said) as raised:
        load_clap(tmp_path)
    assert "ClapModel" in raised.value.help


def test_weights_that_are_not_here_are_a_named_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailable, match="laion/larger_clap_general are not on this machine") as raised:
        ClapEncoder("laion/larger_clap_general", device="cpu")
    for said in ("776 MB", "ada0c23a36c4e8582805bb38fec3905903f18b41", "mini", "preprocessor_config.json"):
        assert said in raised.value.help


def test_the_known_checkpoints_are_listed_without_any_of_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    listed = ClapEncoder.checkpoints()
    assert listed[0].model == "laion/clap-htsat-unfused"
    assert not any(each.here for each in listed)
    assert all(each.licence == "Apache-2.0" and each.revision and each.megabytes for each in listed)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
def test_a_missing_device_is_told_before_anything_is_loaded() -> None:
    with pytest.raises(DeviceUnavailable, match="device cuda is not there"):
        ClapEncoder("nowhere/at-all", device="cuda")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
@pytest.mark.parametrize(("precision", "tolerance"), [("float32", 1e-3), ("bfloat16", 0.1), ("float16", 0.05)])
def test_cuda_gives_what_the_cpu_gives(encoder: ClapEncoder, folder: Path, precision: Any, tolerance: float) -> None:
    there, clip = ClapEncoder(str(folder), device="cuda", precision=precision), sounds(3, WINDOW)
    valid = torch.tensor([WINDOW, 100_000, 0])
    found = there.embed_audio(clip, valid)
    assert found.fine.device.type == there.alignment.device.type == "cuda"
    assert found.fine.dtype == torch.float32
    assert_alike(found, encoder.embed_audio(clip, valid), tolerance)
    torch.testing.assert_close(there.embed_text(SENTENCES).cpu(), encoder.embed_text(SENTENCES), atol=tolerance, rtol=0)
