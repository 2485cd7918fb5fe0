"""A CLAP of the real layout, tiny and random, from `train` to the daemon: what an encoder must be, it is."""

import json
from pathlib import Path

import pytest
import soundfile
from commands import mgcld
from tiny_clap import save_tiny_clap

from mgcld.assemble import build_daemon, build_recogniser, build_trainer, file_at_full_speed
from mgcld.audio.capture import windows_of
from mgcld.config import load_config, named_part
from mgcld.demo import synthesise
from mgcld.errors import EncoderMismatch
from mgcld.model.checkpoint import load_adapter, save_adapter
from mgcld.training.support import find_support

CLASSES = ("siren", "dog barking", "engine idling")
RATE = 32_000


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three classes of three recordings, a tiny CLAP, and the adapter that was trained with it."""
    made = tmp_path_factory.mktemp("clap")
    for name in CLASSES:
        (made / "support" / name).mkdir(parents=True)
        for shot in range(3):
            sound = synthesise(name, shot, 1.5 + shot, RATE)
            soundfile.write(made / "support" / name / f"{shot}.flac", sound, RATE)
    save_tiny_clap(made / "tiny")
    encoder = named_part(f"clap={made / 'tiny'}", device="cpu")
    trainer = build_trainer(encoder=encoder, captioner=named_part("none"), mode="mgcl+", progress=lambda *_: None)
    trained, _ = trainer(find_support(made / "support"))
    save_adapter(trained.adapter, made / "adapter.safetensors")
    return made


def test_the_adapter_knows_its_encoder_and_recognises_its_own_shots(folder: Path) -> None:
    provenance = load_adapter(folder / "adapter.safetensors").provenance
    assert provenance.encoder == f"clap={folder / 'tiny'}"
    recogniser = build_recogniser(folder / "adapter.safetensors", named_part(provenance.encoder, device="cpu"))
    assert recogniser.sample_rate == 48_000
    right = 0
    for name in CLASSES:
        for path in (folder / "support" / name).iterdir():
            windows = windows_of(
                file_at_full_speed(path), name="file", sample_rate=48_000, window_seconds=5.0, hop_seconds=5.0
            )
            (prediction,) = recogniser(list(windows))
            best = max(zip(prediction.p, prediction.classes, strict=True))[1]
            right += best == name
            assert sum(prediction.p) + prediction.unknown == pytest.approx(1, abs=1e-5)
    assert right >= 8  # of 9, heard in training; a random network hears enough for that


def configured(folder: Path, encoder: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(
        f"""
adapter: adapter.safetensors
encoder: {encoder}
sources: {{room: "{folder}/support/siren/2.flac?pace=max"}}
publish: {{endpoint: "tcp://127.0.0.1:*"}}
"""
    )
    return path


def test_the_daemon_serves_it_by_its_configuration(folder: Path) -> None:
    config = configured(folder, "{type: clap, model: ./tiny, device: cpu, precision: bfloat16}")
    daemon = build_daemon(lambda: load_config(config, {}), views={})
    assert daemon is not None
    result = mgcld("run", "-c", config, "--quiet")
    assert result.returncode == 0, result.stderr


def test_another_encoder_is_refused_with_both_names_and_the_command_that_trains_again(folder: Path) -> None:
    config = configured(folder, "mini")
    with pytest.raises(EncoderMismatch) as raised:
        build_daemon(lambda: load_config(config, {}), views={})
    assert f"trained with encoder clap={folder / 'tiny'} (" in str(raised.value)
    assert "but mini (" in str(raised.value)
    assert "mgcld train --shots ./support --encoder mini --captioner none" in raised.value.help
    save_tiny_clap(folder / "other", seed=1)
    with pytest.raises(EncoderMismatch, match=f"but clap={folder / 'other'}"):
        build_recogniser(folder / "adapter.safetensors", named_part(f"clap={folder / 'other'}", device="cpu"))


def test_the_other_reading_of_the_same_weights_is_another_encoder_too(folder: Path) -> None:
    native = f"clap={folder / 'tiny'}?coarse=native"
    with pytest.raises(EncoderMismatch, match="is loaded") as raised:
        build_recogniser(folder / "adapter.safetensors", named_part(native, device="cpu"))
    assert f"--encoder '{native}'" in raised.value.help


def test_the_command_line_takes_a_name_with_a_model(folder: Path) -> None:
    clap = f"clap={folder / 'tiny'}"
    adapter, siren = folder / "adapter.safetensors", folder / "support" / "siren" / "0.flac"
    result = mgcld("classify", siren, "--adapter", adapter, "--encoder", clap)
    assert result.returncode == 0, result.stderr
    assert set(json.loads(result.stdout)["p"]) == {*CLASSES, "unknown"}
    daemon = mgcld("run", "--adapter", adapter, "--encoder", clap, "--source", f"room={siren}?pace=max", "--quiet",
                   "--endpoint", "tcp://127.0.0.1:*")  # fmt: skip
    assert daemon.returncode == 0, daemon.stderr


def test_an_adapter_of_another_encoder_is_told_before_its_captioner(folder: Path, tmp_path: Path) -> None:
    trained = mgcld("train", "--shots", folder / "support", "-o", tmp_path / "a.safetensors")
    assert "next: mgcld run --adapter" in trained.stdout
    assert "--encoder" not in trained.stdout
    siren = folder / "support" / "siren" / "0.flac"
    result = mgcld("classify", siren, "--adapter", tmp_path / "a.safetensors", "--encoder", f"clap={folder / 'tiny'}")
    assert result.returncode == EncoderMismatch.exit_code
    assert "was trained with encoder mini" in result.stderr
    assert "--encoder mini" in result.stderr
