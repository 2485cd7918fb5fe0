"""A model that writes: loaded as published, decoded as a loop of ours would, and every fault named."""

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
import tiny_whisper
import torch
from heard import WordEncoder, windows
from mgcld_plugins.captioners._speech_to_text import BEGINNING, SpeechToText
from mgcld_plugins.captioners.generative import GenerativeCaptioner

from mgcld.data import AudioFeatures, Window
from mgcld.errors import CheckpointError, ConfigError, DeviceUnavailable, OutOfDeviceMemory, WeightsUnavailable
from mgcld.interfaces import Captioner

NOTHING = AudioFeatures(torch.zeros(1, 1, 1), torch.ones(1, 1), torch.ones(1, 1))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_whisper.write(tmp_path_factory.mktemp("whisper"))


def captioner(folder: Path, rate: int = tiny_whisper.RATE, **options: Any) -> GenerativeCaptioner:
    return GenerativeCaptioner(WordEncoder(rate), **{"model": str(folder), "most_tokens": 12, **options})


def five_seconds(count: int, rate: int = tiny_whisper.RATE) -> list[Window]:
    return windows(count, 5 * rate, rate)


def greedily(folder: Path, samples: np.ndarray, prefix: str, steps: int) -> str:
    """The most probable letter, again and again: what the captioner should say, written out."""
    from transformers import WhisperForConditionalGeneration, WhisperProcessor

    model = WhisperForConditionalGeneration.from_pretrained(folder).eval()
    processor = WhisperProcessor.from_pretrained(folder)
    heard = processor.feature_extractor(samples, sampling_rate=tiny_whisper.RATE, return_tensors="pt").input_features
    begun = processor.tokenizer.convert_tokens_to_ids(list(BEGINNING))
    begun += processor.tokenizer(prefix, add_special_tokens=False).input_ids
    config, tokens = model.generation_config, list(begun)
    with torch.no_grad():
        for step in range(steps):
            logits = model(input_features=heard, decoder_input_ids=torch.tensor([tokens])).logits[0, -1]
            logits[config.suppress_tokens + (config.begin_suppress_tokens if step == 0 else [])] = -torch.inf
            tokens.append(int(logits.argmax()))
            if tokens[-1] == processor.tokenizer.eos_token_id:
                break
    return " ".join(processor.tokenizer.decode(tokens[len(begun) :], skip_special_tokens=True).split())


@pytest.mark.parametrize("prefix", ["", tiny_whisper.STYLE])
def test_it_says_what_a_greedy_loop_says(folder: Path, prefix: str) -> None:
    heard = five_seconds(3)
    writing = captioner(folder, prefix=prefix, batch=2)
    assert isinstance(writing, Captioner)
    said = writing.caption(heard, NOTHING)
    assert said == [greedily(folder, window.samples, prefix, 12) for window in heard]
    assert all(said)


def test_the_prefix_changes_the_caption_and_is_not_part_of_it(folder: Path) -> None:
    heard = five_seconds(1)
    plain, styled = (captioner(folder, prefix=prefix).caption(heard, NOTHING)[0] for prefix in ("", tiny_whisper.STYLE))
    assert plain != styled
    assert styled is not None
    assert "clotho" not in styled


def test_windows_are_resampled_from_the_encoder_s_rate(folder: Path) -> None:
    heard = five_seconds(2, 48_000)
    said = captioner(folder, 48_000).caption(heard, NOTHING)
    at_16k = [soxr.resample(window.samples, 48_000, 16_000) for window in heard]
    assert said == [greedily(folder, samples, "", 12) for samples in at_16k]


def test_batches_of_any_size_say_the_same(folder: Path) -> None:
    heard = five_seconds(5)
    said = [captioner(folder, batch=batch).caption(heard, NOTHING) for batch in (1, 2, 5, 99)]
    assert said[1:] == said[:1] * 3


def test_a_published_model_of_the_old_layout_loads(folder: Path, tmp_path: Path) -> None:
    old = tiny_whisper.write(tmp_path / "old", published=True)
    assert {path.name for path in old.iterdir()} >= {"pytorch_model.bin", "preprocessor_config.json"}
    heard = five_seconds(2)
    assert captioner(old).caption(heard, NOTHING) == captioner(folder).caption(heard, NOTHING)


def test_a_search_with_beams_finds_something_else_and_always_the_same(folder: Path) -> None:
    heard = five_seconds(3)
    narrow, wide = captioner(folder), captioner(folder, beams=4)
    assert wide.caption(heard, NOTHING) == wide.caption(heard, NOTHING) != narrow.caption(heard, NOTHING)


def test_captions_end_after_so_many_tokens(folder: Path) -> None:
    (short,), (long,) = (captioner(folder, most_tokens=most).caption(five_seconds(1), NOTHING) for most in (3, 9))
    assert short is not None
    assert long is not None
    assert long.replace(" ", "").startswith(short.replace(" ", ""))
    assert len(short) <= 3 < len(long) <= 9


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_writes_too(folder: Path, precision: str) -> None:
    assert captioner(folder, precision=precision).caption(five_seconds(1), NOTHING)[0]


def test_the_provenance_tells_the_weights_and_what_changes_the_words(folder: Path, tmp_path: Path) -> None:
    first = captioner(folder)
    others = [{"prefix": tiny_whisper.STYLE}, {"beams": 2}, {"most_tokens": 5}]
    assert len({first.provenance, *(captioner(folder, **option).provenance for option in others)}) == 4
    assert captioner(folder, batch=3, precision="float16").provenance == first.provenance
    shutil.copytree(folder, tmp_path / "moved")
    assert captioner(tmp_path / "moved").provenance == first.provenance
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()[:12] in first.provenance


# What can go wrong


def damaged(folder: Path, name: str, content: bytes | None) -> Path:
    """A copy of the model in which one file holds something else, or is not there."""
    shutil.copytree(folder, folder.parent / "damaged", dirs_exist_ok=True)
    path = folder.parent / "damaged" / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    return path.parent


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "processor_config.json", "model.safetensors"])
def test_a_damaged_or_absent_file_is_a_named_error(folder: Path, name: str) -> None:
    with pytest.raises(WeightsUnavailable, match=name.split(".")[0]) as absent:
        captioner(damaged(folder, name, None))
    assert name in absent.value.help
    with pytest.raises(CheckpointError) as broken:
        captioner(damaged(folder, name, b"\x00not what it was"))
    assert "damaged" in str(broken.value)
    assert broken.value.help


def test_weights_that_are_missing_are_counted(folder: Path) -> None:
    from safetensors.torch import load_file, save

    kept = {
        name: value for name, value in load_file(folder / "model.safetensors").items() if "layers.0.fc1" not in name
    }
    with pytest.raises(CheckpointError, match=r"lacks 4 weights, model\.decoder\.layers\.0\.fc1"):
        captioner(damaged(folder, "model.safetensors", save(kept, {"format": "pt"})))


def test_a_model_that_brings_code_is_refused_and_its_code_not_run(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    config |= {"model_type": "effb2_trm", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}}
    bad = damaged(folder, "config.json", json.dumps(config).encode())
    (bad / "own.py").write_text("raise SystemExit('run!')")
    with pytest.raises(CheckpointError) as caught:
        captioner(bad)
    assert "never run" in caught.value.help


def test_a_model_of_another_kind_is_refused(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text()) | {"model_type": "clap"}
    with pytest.raises(CheckpointError, match="no captioner"):
        captioner(damaged(folder, "config.json", json.dumps(config).encode()))


def test_weights_that_are_not_here_are_named_with_what_to_do() -> None:
    with pytest.raises(WeightsUnavailable, match="nobody/whisper-captions") as caught:
        captioner(Path("nobody/whisper-captions"))
    assert "hf download nobody/whisper-captions" in caught.value.help


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch": 0}, r"captioner\.batch: 0"),
        ({"beams": -1}, r"captioner\.beams: -1"),
        ({"most_tokens": 0}, r"captioner\.most_tokens: 0"),
        ({"most_tokens": 61}, r"captioner\.most_tokens: 61 is too much"),
    ],
)
def test_a_number_out_of_range_is_a_named_error(folder: Path, options: dict[str, int], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        captioner(folder, **options)
    assert caught.value.help


def test_a_device_that_is_not_there_is_a_named_error(folder: Path) -> None:
    with pytest.raises(DeviceUnavailable):
        captioner(folder, device="cuda:77")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_writes_what_the_cpu_writes(folder: Path) -> None:
    heard = five_seconds(5)
    assert captioner(folder, device="cuda").caption(heard, NOTHING) == captioner(folder).caption(heard, NOTHING)
    for precision in ("bfloat16", "float16"):
        said = captioner(folder, device="cuda", precision=precision, beams=2, batch=4).caption(heard, NOTHING)
        assert len(said) == 5


class Narrow(SpeechToText):
    """As on a device whose memory holds so many windows."""

    room = 1

    def __call__(self, samples: np.ndarray) -> list[str]:
        if len(samples) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().__call__(samples)


def test_a_batch_too_large_for_memory_is_halved_until_it_fits(folder: Path) -> None:
    heard = five_seconds(5)
    said = captioner(folder).caption(heard, NOTHING)
    writing = captioner(folder)
    writing._write.__class__ = Narrow
    assert writing.caption(heard, NOTHING) == said
    writing._write.room = 0  # type: ignore[attr-defined]
    with pytest.raises(OutOfDeviceMemory, match="captioner generative"):
        writing.caption(heard, NOTHING)


def test_weights_too_large_for_memory_are_a_named_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    monkeypatch.setattr("transformers.WhisperForConditionalGeneration.to", full)
    with pytest.raises(OutOfDeviceMemory, match=r"captioner generative: .* does not hold the weights"):
        captioner(folder)


def test_transformers_is_loaded_only_for_a_captioner_that_needs_it() -> None:
    code = (
        "import sys, mgcld_plugins.captioners.generative, mgcld_plugins.captioners.retrieval; "
        "sys.exit('transformers' in sys.modules or 'huggingface_hub' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
