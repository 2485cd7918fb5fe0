"""`mgcld watch` as a process, against a real bus."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from children import Child, Terminal
from encrypting import Encrypting, write_keys

from mgcld.cli.watch import SILENCES, advice
from mgcld.data import Event, Message, SourceStatus
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher

# What starts us may ignore Ctrl-C (a background job does), so a shell's default is restored first.
WATCH = """
import signal, typer
from mgcld.cli.watch import watch
signal.signal(signal.SIGINT, signal.default_int_handler)
typer.run(watch)
"""


@pytest.fixture
def stamper() -> wire.Stamper:
    return wire.Stamper("attic")


@pytest.fixture
def bus(stamper: wire.Stamper) -> Iterator[Publisher]:
    with Publisher("tcp://127.0.0.1:*") as started:
        started.publish(stamper.stamp(wire.meta(wire.Meta(["siren"], [0.5], "mini", None, "0a1b", 5.0, 5.0))))
        for source in ("kitchen", "garden"):
            started.publish(stamper.stamp(wire.source_health(SourceStatus(source, "live", 1))))
        yield started


def prob(source: str = "kitchen", p: float = 0.75) -> Message:
    header = {
        "source": source,
        "t_start_ns": 1_700_000_000_000_000_000,
        "dropped_windows": 0,
        "gap_samples": 0,
        "flags": [],
        "level_dbfs": None,
        "latency_ms": {"queue": 1.5, "encode": 30.0, "adapt": 10.0},
    }
    body = {"p": [p], "unknown": 1 - p, "top": [["siren", p], ["unknown", 1 - p]]}
    return Message("prob", wire.topic("prob", source), header, body)


def until_said(child: Child, words: str, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while words not in child.errors:
        assert time.monotonic() < deadline, child.errors
        assert child.process.poll() is None, child.errors
        time.sleep(0.02)


def test_machines_get_one_json_object_a_message(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(WATCH, bus.endpoint, "--json") as child:
        replayed = [json.loads(child.line()) for _ in range(3)]
        bus.publish(stamper.stamp(prob()))
        message = json.loads(child.line())
    assert [said["topic"].split("/")[2:4] for said in replayed] == [
        ["health", "garden"],
        ["health", "kitchen"],
        ["meta", ""],
    ]
    assert message["kind"] == "prob"
    assert message["header"]["source"] == "kitchen"
    assert message["body"]["top"][0] == ["siren", 0.75]
    assert (message["lost"], message["restarted"]) == (0, False)


def test_a_pipe_gets_one_line_a_window_at_once(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(WATCH, bus.endpoint) as child:
        assert {child.line()[9:] for _ in range(2)} == {"kitchen is live", "garden is live"}
        bus.publish(stamper.stamp(prob()))
        assert child.line()[9:] == "kitchen  silence  siren 0.75  unknown 0.25  42 ms"
        assert child.errors == f"listening to {bus.endpoint}; Ctrl-C ends\n"


def test_an_event_is_a_line_when_it_begins_and_when_it_is_over(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(WATCH, bus.endpoint) as child, Child(WATCH, bus.endpoint, "--json") as machine:
        for _ in range(2):
            child.line()
        for _ in range(3):
            machine.line()
        begun = Event("01", "kitchen", "siren", "start", 0, 5 * 10**9, 0.9, 0.8, 1, 0.7, 0.4, "adc", 0, "0a1b")
        for event in (begun, replace(begun, phase="update"), replace(begun, phase="end", reason="gap")):
            bus.publish(stamper.stamp(wire.event(event)))
        assert child.line()[9:] == "kitchen  siren BEGINS  p 0.90 (from 0.70)"
        assert child.line()[9:] == "kitchen  siren is over after 5 s: sound is missing  p 0.90 at most"
        assert [json.loads(machine.line())["body"]["phase"] for _ in range(3)] == ["start", "update", "end"]


def test_a_daemon_that_encrypts_is_watched_with_keys(tmp_path: Path) -> None:
    write_keys(tmp_path)
    keys = ("--server-key", str(tmp_path / "daemon.key"), "--key-file", str(tmp_path / "friend.key_secret"))
    with Encrypting(tmp_path) as bus:
        bus.let_in(anybody=False)
        with Child(WATCH, bus.endpoint, "--json", *keys) as child:
            assert bus.is_joined(30)
            assert json.loads(child.line())["kind"] == "prob"


def test_one_source_can_be_chosen(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(WATCH, bus.endpoint, "--source", "kitchen", "--json") as child:
        assert {json.loads(child.line())["topic"] for _ in range(2)} == {"mgcl/v1/health/kitchen/", "mgcl/v1/meta/"}
        for source in ("garden", "kitchen"):
            bus.publish(stamper.stamp(prob(source)))
        assert json.loads(child.line())["header"]["source"] == "kitchen"


@pytest.mark.parametrize("ask", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_without_a_word_when_asked_to(bus: Publisher, ask: signal.Signals) -> None:
    with Child(WATCH, bus.endpoint) as child:
        child.line()
        child.process.send_signal(ask)
        assert child.wait() == 0
        assert "Traceback" not in child.errors


def test_it_says_what_to_check_while_nothing_is_heard_and_waits_on(stamper: wire.Stamper) -> None:
    with Publisher("tcp://127.0.0.1:*") as bus:
        endpoint = bus.endpoint
    with Child(WATCH, endpoint, "--json") as child:
        until_said(child, f"nothing is heard on {endpoint} yet: is mgcld running")
        with Publisher(endpoint) as bus:
            bus.publish(stamper.stamp(wire.source_health(SourceStatus("kitchen", "live", 1))))
            assert json.loads(child.line())["kind"] == "health"
        assert child.errors.count("\n") == 2


def test_it_says_when_the_source_is_not_there(bus: Publisher) -> None:
    with Child(WATCH, bus.endpoint, "--source", "kitchn") as child:
        until_said(child, "mgcld is there, but nothing comes from kitchn")


def test_it_says_what_was_missed_and_that_the_daemon_was_started_anew(bus: Publisher, stamper: wire.Stamper) -> None:
    with Child(WATCH, bus.endpoint) as child:
        child.line()
        bus.publish(stamper.stamp(prob()))
        for _ in range(3):
            stamper.stamp(prob())
        bus.publish(stamper.stamp(prob()))
        until_said(child, "mgcl/v1/prob/kitchen/: 3 missed")
        bus.publish(wire.Stamper("attic").stamp(prob()))
        until_said(child, "mgcld was started anew")


def test_it_tells_a_stopped_daemon_from_one_that_never_was() -> None:
    assert "one that may listen" in advice(set(), 1, "tcp://127.0.0.1:1", None)
    assert "has mgcld stopped?" in advice({"prob", "meta"}, SILENCES, "tcp://127.0.0.1:1", None)
    assert advice({"prob", "meta"}, 1, "tcp://127.0.0.1:1", None) == ""
    assert advice(set(), SILENCES, "tcp://127.0.0.1:1", None) == ""


def test_a_terminal_sees_a_table_and_gets_its_cursor_back(bus: Publisher, stamper: wire.Stamper) -> None:
    with Terminal(WATCH, bus.endpoint) as terminal:
        terminal.until(lambda seen: "kitchen" in seen)
        bus.publish(stamper.stamp(prob()))
        terminal.until(lambda seen: "siren" in seen and "75%" in seen)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.wait() == 0
        assert "listening to" in terminal.seen
        assert terminal.seen.count("\x1b[?25l") == terminal.seen.count("\x1b[?25h") == 1
        assert "Traceback" not in terminal.seen
