import hashlib
import json
import math
from pathlib import Path
from typing import Any

import golden
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from mgcld_plugins.encoders._mini_file import read_weights
from mgcld_plugins.encoders.mini import WEIGHTS, MiniEncoder
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor

from mgcld.data import AudioFeatures
from mgcld.errors import CheckpointError, DeviceUnavailable, WeightsUnavailable
from mgcld.interfaces import Encoder

WHOLE = torch.full((3,), golden.SAMPLES)
SECOND = 16_000


@pytest.fixture(scope="module")
def encoder() -> MiniEncoder:
    return MiniEncoder("cpu")


@pytest.fixture(scope="module")
def heard(encoder: MiniEncoder) -> AudioFeatures:
    return encoder.embed_audio(golden.sounds(), WHOLE)


def noise(*shape: int, seed: int = 0) -> Tensor:
    return 0.1 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def parts(features: AudioFeatures) -> list[Tensor]:
    assert features.tags is not None
    return [features.fine, features.weights, features.coarse, features.tags]


def assert_alike(one: AudioFeatures, other: AudioFeatures, within: float = 1e-5) -> None:
    for a, b in zip(parts(one), parts(other), strict=True):
        assert a.shape == b.shape
        assert torch.allclose(a.cpu(), b.cpu(), rtol=0, atol=within)


def test_it_is_an_encoder_and_states_what_it_gives(encoder: MiniEncoder, heard: AudioFeatures) -> None:
    assert isinstance(encoder, Encoder)
    assert (encoder.name, encoder.sample_rate, encoder.device) == ("mini", 16_000, "cpu")
    assert encoder.segment_seconds == pytest.approx(0.32)
    assert (encoder.audio_dim, encoder.text_dim) == (768, 385)
    assert encoder.alignment.shape == (768, 385)
    assert heard.fine.shape == (3, 16, 768)
    assert heard.tags is not None
    assert heard.tags.shape == (3, len(encoder.tag_names)) == (3, 521)
    assert encoder.weights_hash == hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()
    assert not any(each.requires_grad for each in parts(heard))


PARTS = (slice(0, 256), slice(256, 512), slice(512, 640), slice(640, 768))


def shares(encoder: MiniEncoder, samples: torch.Tensor, valid: torch.Tensor = WHOLE) -> torch.Tensor:
    """(batch, segments, 1): by how much each segment stands out, read once more from what is written about it."""
    rows = []
    for frames, count in zip(encoder._log_mel(samples), valid.tolist(), strict=True):
        levels = [part.mean(0) for part in frames.split(32)]
        floor = torch.stack(levels).quantile(0.1, 0)
        above = [float((level - floor).clamp_min(0).pow(4).mean()) ** 0.25 / 2 for level in levels]
        known = max(1, math.ceil(count / 5_120))
        cut = [1.0] * known + [0.0] * (16 - known)
        weights = cut if count < 80_000 else [min(one, 1.0) ** 3 + 0.03 for one in above]
        rows.append([weight / sum(weights) for weight in weights])
    return torch.tensor(rows)[..., None]


def test_it_gives_the_golden_numbers(encoder: MiniEncoder, heard: AudioFeatures) -> None:
    wanted = json.loads(golden.FILE.read_text())
    found = golden.picked(*parts(heard), encoder.embed_text(golden.TEXTS))
    assert set(found) == set(wanted)
    for name, numbers in wanted.items():
        assert torch.allclose(torch.tensor(found[name]), torch.tensor(numbers), rtol=0, atol=1e-5), name


@pytest.mark.skipif(not golden.REFERENCE.exists(), reason="../shared/mini does not lie beside the project")
def test_the_first_network_is_what_the_reference_is(tmp_path: Path) -> None:
    weights = golden.first_alone(tmp_path)
    encoder, reference = MiniEncoder("cpu", weights), golden.reference(golden.as_the_reference_reads_it(weights))
    sounds = torch.cat([golden.sounds(), noise(2, golden.SAMPLES)])
    wanted, found = reference.embed_audio(sounds), encoder.embed_audio(sounds, torch.full((5,), golden.SAMPLES))
    for part, share in ((slice(0, 256), 0.15), (slice(256, 512), 0.2)):  # acoustic, semantic; a third each there
        own = found.fine[..., part] / math.sqrt(3 * share)
        assert torch.allclose(own, wanted["fine"][..., part], rtol=0, atol=5e-5)
    assert found.tags is not None
    assert torch.allclose(found.tags, wanted["tags"], rtol=0, atol=5e-5)
    meaning = torch.nn.functional.normalize(encoder.embed_text(golden.TEXTS)[:, :256], dim=-1)
    assert torch.allclose(meaning, reference.embed_text(golden.TEXTS), rtol=0, atol=2e-5)
    assert list(encoder.tag_names) == reference.tag_names


def test_what_is_heard_is_the_mean_of_what_the_networks_hear(encoder: MiniEncoder, heard: AudioFeatures) -> None:
    frames = encoder._log_mel(golden.sounds())
    nets = list(encoder._nets)
    assert len(nets) == 2
    one, other = (net(frames) for net in nets)
    both = encoder._nets(frames)
    assert torch.equal(both.acoustic, one.acoustic)
    assert other.acoustic.shape[-1] == 0
    for part in ("semantic", "effects", "tags"):
        apart = torch.stack([getattr(one, part), getattr(other, part)])
        assert torch.allclose(getattr(both, part), apart.mean(0), atol=1e-5)
        assert (apart[0] - apart[1]).abs().max() > 0.1
    tags = torch.sigmoid((one.tags + other.tags) / 2)
    assert heard.tags is not None
    assert torch.allclose(heard.tags, (tags.amax(1) + tags.mean(1)) / 2, atol=1e-5)


def test_the_aligned_coarse_feature_is_meaning_and_tags(encoder: MiniEncoder, heard: AudioFeatures) -> None:
    aligned = heard.coarse @ encoder.alignment
    assert torch.allclose(aligned.norm(dim=-1), torch.ones(3), atol=1e-5)
    share = shares(encoder, golden.sounds())
    semantic, tags = ((heard.fine[..., part] * share).sum(1) for part in (slice(256, 512), slice(640, 768)))
    for found, part, share in ((aligned[:, :256], semantic, 0.2), (aligned[:, 256:384], tags, 0.8)):
        unit = torch.nn.functional.normalize(part, dim=-1)
        assert torch.allclose(found, math.sqrt(share) * unit, atol=1e-5)
    assert not aligned[:, 384].any()


def test_a_text_is_unit_long_and_near_to_sounds_whose_tags_it_names(encoder: MiniEncoder) -> None:
    rows = encoder.embed_text(golden.TEXTS)
    assert torch.allclose(rows.norm(dim=-1), torch.ones(len(rows)), atol=1e-6)
    space = encoder._tags
    usual = torch.sigmoid(space.centre)
    assert space.heard(usual).abs().max() < 0.05  # nothing is more or less than usual
    for name in ("Siren", "Dog", "Rain"):
        tags = usual.clone()
        tags[encoder.tag_names.index(name)] = 0.9
        heard = torch.nn.functional.normalize(space.heard(tags)[None], dim=-1)
        said = encoder.embed_text([f"the sound of {each}" for each in ("siren", "dog", "rain")])[:, 256:384]
        assert int((heard @ said.T).argmax()) == ("Siren", "Dog", "Rain").index(name)


def test_coarse_is_a_unit_row_and_each_part_the_mean_of_what_stands_out(
    encoder: MiniEncoder, heard: AudioFeatures
) -> None:
    assert torch.allclose(heard.coarse.norm(dim=-1), torch.ones(3), atol=1e-6)
    means = (heard.fine * shares(encoder, golden.sounds())).sum(1)
    for part in PARTS:
        unit = torch.nn.functional.normalize(heard.coarse[:, part], dim=-1)
        assert torch.allclose(unit, torch.nn.functional.normalize(means[:, part], dim=-1), atol=1e-5)
    assert torch.allclose(heard.coarse[2], heard.fine[2].mean(0), atol=1e-5)  # in silence nothing stands out


@pytest.mark.parametrize("valid", [1, 5_121, 20_500, 79_999])
def test_in_a_recording_that_was_cut_all_segments_count_alike(encoder: MiniEncoder, valid: int) -> None:
    sound = 0.1 * noise(1, golden.SAMPLES, seed=3)
    sound[:, 5_120:10_240] *= 20
    heard = encoder.embed_audio(sound, torch.tensor([valid]))
    segments = heard.fine[0, : math.ceil(valid / 5_120)]
    assert torch.allclose(heard.coarse[0], segments.mean(0), atol=1e-5)
    whole = encoder.embed_audio(sound, torch.tensor([80_000]))
    assert not torch.allclose(whole.coarse[0], whole.fine[0].mean(0), atol=1e-2)


def test_a_short_sound_is_heard_in_a_steady_place(encoder: MiniEncoder) -> None:
    place = 0.02 * noise(1, golden.SAMPLES, seed=3)
    alone = torch.zeros(1, golden.SAMPLES)
    alone[:, :SECOND] = golden.sounds()[:1, 2 * SECOND : 3 * SECOND]
    there = place.clone()
    there[:, 2 * SECOND : 3 * SECOND] += alone[:, :SECOND]
    heard = encoder.embed_audio(torch.cat([alone, there, place]), torch.tensor([SECOND, 80_000, 80_000]))
    sound, both, nothing = heard.coarse
    evenly = torch.nn.functional.normalize(heard.fine[1].mean(0), dim=-1)
    assert sound @ both > sound @ evenly + 0.05
    assert sound @ both > nothing @ both
    assert torch.allclose(nothing, heard.fine[2].mean(0), atol=1e-3)  # a place alone is heard as it is


def test_no_row_of_effects_stands_out(heard: AudioFeatures) -> None:
    lengths = heard.fine[..., 512:640].norm(dim=-1)
    assert (lengths.amax(1) <= 1.5 * lengths.median(1).values + 1e-5).all()
    assert (lengths > 0).all()


def test_weights_are_the_shares_of_the_rows_lengths(heard: AudioFeatures) -> None:
    lengths = heard.fine.norm(dim=-1)
    assert torch.allclose(heard.weights, lengths / lengths.sum(1, keepdim=True), atol=1e-6)
    assert torch.allclose(heard.weights.sum(1), torch.ones(3), atol=1e-6)


def test_the_same_sound_gives_the_same_features(encoder: MiniEncoder, heard: AudioFeatures) -> None:
    again = encoder.embed_audio(golden.sounds(), WHOLE)
    other = MiniEncoder("cpu").embed_audio(golden.sounds(), WHOLE)
    for one, two, three in zip(parts(heard), parts(again), parts(other), strict=True):
        assert torch.equal(one, two)
        assert torch.equal(one, three)


def test_a_batch_is_what_its_windows_are_alone(encoder: MiniEncoder) -> None:
    sounds = torch.cat([golden.sounds(), noise(2, golden.SAMPLES)])
    valid = torch.tensor([80_000, 30_000, 80_000, 1, 79_999])
    together = encoder.embed_audio(sounds, valid)
    for i in range(5):
        alone = encoder.embed_audio(sounds[i : i + 1], valid[i : i + 1])
        one = AudioFeatures(*(each[i : i + 1] for each in parts(together)[:3]), tags=parts(together)[3][i : i + 1])
        assert_alike(one, alone)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float16])
def test_samples_of_any_precision_will_do(encoder: MiniEncoder, dtype: torch.dtype) -> None:
    samples = golden.sounds().to(dtype)
    again = encoder.embed_audio(samples, WHOLE)
    assert all(each.dtype == torch.float32 for each in parts(again))
    assert_alike(again, encoder.embed_audio(samples.float(), WHOLE))


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_lower_precision_gives_float32_that_is_near(heard: AudioFeatures, precision: Any) -> None:
    found = MiniEncoder("cpu", precision=precision).embed_audio(golden.sounds(), WHOLE)
    assert all(each.dtype == torch.float32 for each in parts(found))
    assert 0 < (found.fine - heard.fine).abs().max() < 0.1


@pytest.mark.parametrize(("valid", "segments"), [(0, 1), (1, 1), (5120, 1), (5121, 2), (30_000, 6), (80_000, 16)])
def test_segments_behind_the_valid_samples_weigh_nothing(encoder: MiniEncoder, valid: int, segments: int) -> None:
    sounds = noise(2, 80_000) * torch.linspace(0.1, 1, 80_000)
    features = encoder.embed_audio(sounds, torch.tensor([valid, 80_000]))
    fine, weights, coarse, tags = (each[0] for each in parts(features))
    assert (weights > 0).tolist() == [True] * segments + [False] * (16 - segments)
    assert float(weights.sum()) == pytest.approx(1, abs=1e-5)
    assert not fine[segments:].any()
    whole = shares(encoder, sounds, torch.tensor([valid, 80_000]))[0]
    assert not whole[segments:].any()
    means = (fine * whole).sum(0)
    for part in PARTS:
        unit = torch.nn.functional.normalize(means[part], dim=0)
        assert torch.allclose(torch.nn.functional.normalize(coarse[part], dim=0), unit, atol=1e-5)
    assert tags.max() <= 1
    assert (features.weights[1] > 0).all()


def test_what_comes_long_after_the_valid_samples_does_not_matter(encoder: MiniEncoder) -> None:
    quiet = torch.zeros(1, 10 * SECOND)
    quiet[:, :SECOND] = noise(1, SECOND)
    loud = quiet.clone()
    loud[:, 4 * SECOND :] = noise(1, 6 * SECOND, seed=1)
    valid = torch.tensor([SECOND])
    assert_alike(encoder.embed_audio(quiet, valid), encoder.embed_audio(loud, valid))
    whole = torch.tensor([10 * SECOND])
    told = parts(encoder.embed_audio(quiet, whole))[3] - parts(encoder.embed_audio(loud, whole))[3]
    assert told.abs().max() > 0.01


@settings(deadline=None, max_examples=12)
@given(samples=st.integers(SECOND, 10 * SECOND))
def test_windows_of_1_to_10_seconds_will_do(encoder: MiniEncoder, samples: int) -> None:
    check_length(encoder, samples)


@pytest.mark.parametrize(
    "samples", [0, 1, 399, 400, 719, 720, 5_120, 5_519, 5_520, 5_839, 5_840, 16_000, 48_000, 80_000, 160_000]
)
def test_any_number_of_samples_will_do(encoder: MiniEncoder, samples: int) -> None:
    check_length(encoder, samples)


def check_length(encoder: MiniEncoder, samples: int) -> None:
    features = encoder.embed_audio(noise(2, samples), torch.tensor([samples, samples // 2]))
    segments = features.fine.shape[1]
    assert segments == max(1, math.ceil((samples - 400 + 1) / 5_120))
    assert features.weights.shape == (2, segments)
    assert all(each.isfinite().all() for each in parts(features))
    assert torch.allclose(features.weights.sum(1), torch.ones(2), atol=1e-5)
    assert torch.allclose(features.coarse.norm(dim=-1), torch.ones(2), atol=1e-5)


@pytest.mark.parametrize("level", [0.0, 1e-9, 1.0, 100.0])
@pytest.mark.parametrize("kind", ["constant", "square"])
def test_the_oddest_sounds_give_numbers(encoder: MiniEncoder, level: float, kind: str) -> None:
    wave = torch.full((1, 80_000), level)
    if kind == "square":
        wave[:, ::2] *= -1
    features = encoder.embed_audio(wave, torch.tensor([80_000]))
    assert all(each.isfinite().all() for each in parts(features))
    assert float(features.weights.sum()) == pytest.approx(1, abs=1e-5)
    assert float(features.coarse.norm()) == pytest.approx(1, abs=1e-5)


def test_texts_are_unit_rows_that_do_not_depend_on_their_neighbours(encoder: MiniEncoder) -> None:
    together = encoder.embed_text(golden.TEXTS)
    assert together.shape == (len(golden.TEXTS), 385)
    assert torch.allclose(together.norm(dim=-1), torch.ones(len(golden.TEXTS)), atol=1e-5)
    for i, text in enumerate(golden.TEXTS):
        assert torch.equal(encoder._text([text]), encoder._text(golden.TEXTS)[i : i + 1])
        assert torch.allclose(encoder.embed_text([text])[0], together[i], rtol=0, atol=1e-6)  # a product of matrices


def test_texts_of_like_meaning_are_near(encoder: MiniEncoder) -> None:
    dog, hound, rain, shouted, nonsense, nothing = encoder.embed_text(
        ["a dog barks", "dog barking", "heavy rain", "A DOG BARKS", "\N{SNOWMAN}", ""]
    )
    assert dog @ hound > dog @ rain + 0.2
    assert torch.equal(dog, shouted)
    assert torch.equal(nonsense, nothing)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a CUDA device")
@pytest.mark.parametrize("wish", ["cuda", "cuda:0", "cuda:1"])
def test_a_missing_device_is_a_named_error(wish: str) -> None:
    with pytest.raises(DeviceUnavailable, match=f"device {wish} is not there") as raised:
        MiniEncoder(wish)
    assert "auto or cpu" in raised.value.help


@pytest.mark.parametrize("wish", ["", "gpu", "cuda:", "cuda:-1", "cuda:99", "cuda:99999", "cuda:x", "mps", "meta"])
def test_a_nonsense_device_is_a_named_error(wish: str) -> None:
    with pytest.raises(DeviceUnavailable) as raised:
        MiniEncoder(wish)
    assert "cpu" in raised.value.help


def test_auto_takes_the_cpu_where_there_is_nothing_else() -> None:
    assert MiniEncoder("auto").device == ("cuda:0" if torch.cuda.is_available() else "cpu")


@pytest.mark.parametrize("name", ["nowhere.safetensors", "."])
def test_missing_weights_are_a_named_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(WeightsUnavailable, match="mini's weights are not at") as raised:
        MiniEncoder("cpu", tmp_path / name)
    assert raised.value.help


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "foreign", "foreign with notes"])
def test_foreign_weights_are_a_named_error(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "mini.safetensors"
    if kind == "truncated":
        path.write_bytes(WEIGHTS.read_bytes()[:-1000])
    elif kind.startswith("foreign"):
        save_file({"x": torch.zeros(3)}, path, {"mgcld": "{}"} if kind.endswith("notes") else None)
    else:
        path.write_text("these are no weights" if kind == "text" else "")
    with pytest.raises(CheckpointError, match="mini") as raised:
        MiniEncoder("cpu", path)
    assert raised.value.help


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"config": '{"net": {}, "weights": [0.2, 0.2, 0.3, 0.3], "tags": {}}'}, "an earlier mini"),
        ({"config": "{"}, "property name"),
        ({"tag_names": "[1]"}, "not as mini"),
        ({"vocab": "[UNK]"}, "1 word pieces for 19000 rows"),
        ("text.table", "text.table"),
        ("text.table.scale", "without their scale"),
        ("audio.1.stem.bias", r"1\.stem\.bias"),
        ("tags.spread", "tags.spread"),
    ],
)
def test_broken_weights_are_a_named_error(tmp_path: Path, change: dict[str, str] | str, said: str) -> None:
    with safe_open(WEIGHTS, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys() if name != change}  # noqa: SIM118
        notes = file.metadata() | (change if isinstance(change, dict) else {})
    save_file(tensors, tmp_path / "mini.safetensors", notes)
    with pytest.raises(CheckpointError, match=said) as raised:
        MiniEncoder("cpu", tmp_path / "mini.safetensors")
    assert raised.value.help


def test_one_network_alone_will_do(tmp_path: Path) -> None:
    alone = MiniEncoder("cpu", golden.first_alone(tmp_path)).embed_audio(golden.sounds(), WHOLE)
    assert torch.allclose(alone.coarse.norm(dim=-1), torch.ones(3), atol=1e-5)


def test_the_shipped_weights_say_what_they_were_trained_on() -> None:
    _, notes = read_weights(WEIGHTS)
    for name, words in {"training": ("YAMNet", "aiSFX", "MiniLM"), "licence": ("CC0", "CC BY", "share-alike")}.items():
        assert all(word in notes[name] for word in words)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_gives_what_the_cpu_gives(heard: AudioFeatures, encoder: MiniEncoder) -> None:
    there = MiniEncoder("cuda")
    assert there.device == "cuda:0"
    found = there.embed_audio(golden.sounds(), WHOLE)
    assert all(each.device.type == "cuda" for each in parts(found))
    assert_alike(found, heard, 1e-3)
    text = there.embed_text(golden.TEXTS)
    assert text.device.type == there.alignment.device.type == "cuda"
    assert torch.allclose(text.cpu(), encoder.embed_text(golden.TEXTS), atol=1e-3)
