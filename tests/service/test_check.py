"""What `mgcld check` finds of parts that are not sources: model, address, sinks. In this process."""

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from mgcld_plugins.encoders.mini import MiniEncoder
from untrained import trained

from mgcld.assemble import build_checkup
from mgcld.audio.probe import Heard
from mgcld.config import Config
from mgcld.data import Message
from mgcld.errors import ConfigError, MgcldError, PublishError, SourceError
from mgcld.model.checkpoint import save_adapter
from mgcld.service import check, wire
from mgcld.service.bus.publisher import Publisher
from mgcld.service.check import HELD, source_finding
from mgcld.service.findings import Finding, Step, together


class Deaf:
    """A sink that is built, and closed."""

    closed = 0

    def take(self, message: Message) -> None: ...

    def close(self) -> None:
        Deaf.closed += 1


class Broken:
    """A sink whose other side is not there."""

    def __init__(self) -> None:
        raise ConnectionRefusedError("no broker")


class Slow:
    """A sink whose other side does not answer."""

    def __init__(self) -> None:
        threading.Event().wait(20)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter, one of another encoder, and a recording."""
    made = tmp_path_factory.mktemp("check")
    adapter = trained(MiniEncoder("cpu"))
    save_adapter(adapter, made / "adapter.safetensors")
    other = replace(adapter, provenance=replace(adapter.provenance, encoder="clap", weights_hash="0" * 64))
    save_adapter(other, made / "other.safetensors")
    soundfile.write(made / "hum.wav", 0.1 * np.sin(np.arange(80_000) / 9), 16_000)
    return made


def config(folder: Path, endpoint: str = "tcp://127.0.0.1:*", adapter: str = "adapter", **more: Any) -> Config:
    wishes = {
        "node": "attic",
        "adapter": folder / f"{adapter}.safetensors",
        "encoder": {"type": "mini", "device": "cpu"},
        "sources": {"hum": str(folder / "hum.wav")},
        "publish": {"endpoint": endpoint},
    }
    return Config.model_validate({**wishes, **more})


def found(wishes: Config) -> dict[str, Finding]:
    return {finding.name or finding.kind: finding for finding in build_checkup(wishes).findings()}


def states(findings: dict[str, Finding]) -> dict[str, str]:
    return {name: finding.state for name, finding in findings.items()}


def test_everything_is_well_and_told(folder: Path) -> None:
    findings = found(config(folder))
    assert set(states(findings).values()) == {"ok"}
    assert set(findings) == {"publish", "hum", "adapter", "events", "encoder", "captioner", "inference"}
    assert findings["adapter"].facts["classes"] == ["tone", "noise", "knocks"]
    assert len(findings["adapter"].facts["adapter"]) == 12
    assert (findings["encoder"].facts["encoder"], findings["encoder"].facts["device"]) == ("mini", "cpu")
    assert 0 < findings["inference"].facts["latency_ms"] < 60_000
    assert findings["publish"].facts["endpoint"].startswith("tcp://127.0.0.1:")
    assert not findings["publish"].facts["endpoint"].endswith("*")
    assert findings["hum"].facts["sample_rate"] == 16_000


def test_a_rule_for_a_class_that_nobody_hears_is_an_error_as_when_it_runs(folder: Path) -> None:
    findings = found(config(folder, events={"classes": {"knoks": {"threshold": 0.9}}}))
    error = findings["events"].error
    assert isinstance(error, ConfigError)
    assert "knoks: the adapter has no such class; did you mean 'knocks'?" in str(error)
    assert findings["inference"].state == "ok"


def test_where_health_would_be_told_is_tried_too(folder: Path) -> None:
    assert found(config(folder, http={"address": "127.0.0.1:0"}))["http"].state == "ok"
    with socket.create_server(("127.0.0.1", 0)) as other:
        address = f"127.0.0.1:{other.getsockname()[1]}"
        error = found(config(folder, http={"address": address}))["http"].error
        assert isinstance(error, PublishError)
        assert str(error).endswith("Address already in use")


def test_an_adapter_that_is_not_there_is_an_error_and_what_needs_it_is_not_tried(folder: Path) -> None:
    findings = found(config(folder, adapter="absent"))
    assert states(findings) == {
        "publish": "ok",
        "hum": "ok",
        "adapter": "error",
        "encoder": "ok",
        "captioner": "skipped",
        "inference": "skipped",
    }
    assert findings["adapter"].error is not None
    assert findings["adapter"].error.exit_code == 74


def test_an_adapter_of_another_encoder_is_an_error(folder: Path) -> None:
    error = found(config(folder, adapter="other"))["captioner"].error
    assert error is not None
    assert error.exit_code == 70
    assert "clap" in str(error)


def test_a_hop_of_no_whole_number_of_samples_is_an_error(folder: Path) -> None:
    error = found(config(folder, hop_seconds=0.00001))["inference"].error
    assert error is not None
    assert error.exit_code == 78


def test_more_than_the_machine_can_hear_is_a_warning(folder: Path) -> None:
    sources = {f"hum{number}": str(folder / "hum.wav") for number in range(3)}
    busy = found(config(folder, hop_seconds=0.001, sources=sources))["inference"]
    assert busy.state == "warning"
    assert busy.facts["busy"] > 1


def test_an_address_of_another_program_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        error = found(config(folder, f"tcp://127.0.0.1:{other.getsockname()[1]}"))["publish"].error
    assert error is not None
    assert error.exit_code == 69
    assert "another" in error.help


@pytest.fixture(params=["tcp://127.0.0.1:*", "ipc"])
def daemon(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publisher]:
    """As a running mgcld does it."""
    stamper = wire.Stamper("cellar")
    with Publisher(request.param.replace("ipc", f"ipc://{tmp_path}/bus")) as bus:
        bus.publish(stamper.stamp(wire.meta(wire.Meta(["siren"], [0.5], "mini", None, "0a1b", 5.0, 5.0))))
        yield bus


def test_an_address_of_a_running_mgcld_is_a_warning_that_names_it(folder: Path, daemon: Publisher) -> None:
    findings = found(config(folder, daemon.endpoint))
    assert findings["publish"].state == "warning"
    assert "a running mgcld (node cellar, adapter 0a1b)" in findings["publish"].warnings[0]
    assert findings["inference"].state == "ok"
    assert daemon.failed is None


def test_other_machines_are_refused_before_anybody_is_asked(folder: Path) -> None:
    error = found(config(folder, "tcp://0.0.0.0:5765"))["publish"].error
    assert error is not None
    assert "other machines" in str(error)


def test_the_address_is_let_go(folder: Path, tmp_path: Path) -> None:
    endpoint = found(config(folder))["publish"].facts["endpoint"]
    with Publisher(endpoint) as after:
        assert after.endpoint == endpoint
    assert found(config(folder, f"ipc://{tmp_path}/bus"))["publish"].state == "ok"
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_can_be_written_is_well_and_is_not_made(folder: Path, tmp_path: Path) -> None:
    spool = {"folder": tmp_path / "deep" / "spool", "max_megabytes": 2}
    finding = found(config(folder, spool=spool))["spool"]
    assert finding.state == "ok"
    assert finding.facts["most_bytes"] == 2_000_000
    assert list(tmp_path.iterdir()) == []


def test_a_spool_that_cannot_be_written_is_an_error_and_too_large_a_one_a_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = found(config(folder, spool={"folder": folder / "hum.wav" / "spool"}))["spool"].error
    assert error is not None
    assert error.exit_code == 78
    assert "hum.wav" in str(error)
    sources = {f"hum{number}": str(folder / "hum.wav") for number in range(30)}
    plan = {"folder": folder / "spool", "max_megabytes": 1_000_000}
    assert found(config(folder, spool=plan, sources=sources))["spool"].state == "warning"
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    assert found(config(folder, spool={}))["spool"].state == "error"


def test_sinks_are_built_and_closed_and_a_bad_one_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "PARTS_SECONDS", 3.0)
    before = Deaf.closed
    sinks = {"good": "test_check:Deaf", "bad": "test_check:Broken", "slow": "test_check:Slow", "none": "nowhere"}
    findings = found(config(folder, sinks=sinks))
    assert Deaf.closed == before + 1
    assert [findings[name].state for name in sinks] == ["ok", "error", "error", "error"]
    assert "no broker" in str(findings["bad"].error)
    assert "no answer within 3 s" in str(findings["slow"].error)
    assert findings["slow"].error is not None
    assert findings["slow"].error.exit_code == 1  # it is no source
    assert findings["none"].error is not None
    assert findings["none"].error.exit_code == 78


def test_steps_run_side_by_side_and_one_that_hangs_costs_no_more_than_the_time() -> None:
    def quick(stop: threading.Event) -> Iterator[Finding]:
        yield Finding("source", "quick")

    def hangs(stop: threading.Event) -> Iterator[Finding]:
        stop.wait()
        yield from ()

    def fails(stop: threading.Event) -> Iterator[Finding]:
        raise MgcldError("no", help="yes")
        yield

    began = time.monotonic()
    steps = [Step("source", run.__name__, run) for run in (hangs, quick, fails)]
    findings = {finding.name: finding for finding in together(steps, 1.0)}
    assert states(findings) == {"quick": "ok", "fails": "error", "hangs": "error"}
    assert isinstance(findings["hangs"].error, SourceError)
    assert findings["hangs"].error.reason == "timeout"
    assert time.monotonic() - began < 10


def test_closing_early_ends_the_steps() -> None:
    ended = threading.Event()

    def waits(stop: threading.Event) -> Iterator[Finding]:
        yield Finding("source", "waits")
        stop.wait()
        ended.set()

    findings = together([Step("source", "waits", waits)])
    next(findings)
    findings.close()
    assert ended.is_set()


def test_a_running_mgcld_may_hold_the_device_and_a_wrong_password_is_not_its_fault() -> None:
    held = source_finding("mic", Heard(SourceError("in use", reason="refused", help="end it")), True, running=True)
    assert held.error is not None
    assert held.error.help == f"end it; {HELD}"
    wrong = source_finding("mic", Heard(SourceError("401", reason="auth", help="look")), True, running=True)
    assert wrong.error is not None
    assert wrong.error.help == "look"


@pytest.mark.parametrize(
    ("heard", "warned"),
    [
        (Heard(None, age_seconds=0.2), False),
        (Heard(None, age_seconds=3600.0), True),
        (Heard(None, age_seconds=-3600.0), True),
        (Heard(None, facts={"sender_clock_offset_seconds": 3600.0}), True),
        (Heard(None, facts={"sender_clock_offset_seconds": -0.2}), False),
        (Heard(None, gaps=2, sound_seconds=3.0), True),
        (Heard(None, flags=frozenset({"silent"})), True),
        (Heard(None, flags=frozenset({"clipped"})), True),
    ],
)
def test_what_a_person_should_look_at_is_a_warning(heard: Heard, warned: bool) -> None:
    assert (source_finding("mic", heard, live=True).state == "warning") == warned


def test_a_recording_may_begin_with_silence() -> None:
    assert source_finding("hum", Heard(None, flags=frozenset({"silent"})), live=False).state == "ok"
