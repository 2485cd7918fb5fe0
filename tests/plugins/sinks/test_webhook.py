"""Each event reaches the web server, whatever that does and whenever we are killed; none that it acknowledged again."""

import json
import logging
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import pytest
from children import Child
from mgcld_plugins.sinks import _webhook_verdict, webhook
from mgcld_plugins.sinks._webhook_post import Answer, NoAnswer
from mgcld_plugins.sinks._webhook_verdict import verdict
from mgcld_plugins.sinks.webhook import MOST_BYTES, WebhookSink
from servers.hook import (
    Behaviour,
    acknowledges_and_trickles,
    acknowledges_at_last,
    acknowledges_without_end,
    basic,
    breaks_off,
    hangs,
    hangs_up,
    hook,
    is_no_web_server,
    is_signed,
    moody,
    own_certificate,
    says,
    trickles_headers,
)
from sink_events import Events

from mgcld.config import options_of
from mgcld.data import Message
from mgcld.errors import ConfigError
from mgcld.interfaces import Describing, Sink
from mgcld.registry import load

ONCE_SECONDS = 1.0
"""An exchange's limit in tests of servers that dawdle."""


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_webhook_verdict, "FIRST_SECONDS", 0.01)
    monkeypatch.setattr(_webhook_verdict, "MISTAKE_SECONDS", 0.02)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


@pytest.fixture
def event() -> Events:
    return Events()


@contextmanager
def sink(url: str, folder: Path, **options: Any) -> Iterator[WebhookSink]:
    made = WebhookSink(url, outbox=folder / "outbox.sqlite", **options)
    try:
        yield made
    finally:
        made.close()


def until(seen: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < deadline
        time.sleep(0.01)


# What is sent


def test_the_start_and_the_end_of_an_event_arrive_as_they_are_on_the_bus(tmp_path: Path, event: Events) -> None:
    messages = [event("A"), event("A", "update"), event("A", "end"), Message("meta", "mgcl/v1/meta/", {}, {})]
    with hook() as server, sink(server.url, tmp_path) as taker:
        assert isinstance(taker, Sink)
        assert isinstance(taker, Describing)
        for message in messages:
            taker.take(message)
        until(lambda: taker.facts["delivered"] == 2)
    first, last = server.received
    assert first.json == {"topic": messages[0].topic, "header": dict(messages[0].header), "body": messages[0].body}
    assert last.json["body"] == messages[2].body
    assert (first.delivery, last.delivery) == ("A-start-0", "A-end-2")
    assert first.headers["Idempotency-Key"] == first.delivery
    assert first.headers["Content-Type"] == "application/json"


def test_kinds_phases_and_classes_are_chosen(tmp_path: Path, event: Events) -> None:
    choice: dict[str, Any] = {"kinds": ["event", "meta"], "phases": ["update"], "classes": ["cat"]}
    meta = event.stamper.stamp(Message("meta", "mgcl/v1/meta/", {}, {"classes": []}))
    with hook() as server, sink(server.url, tmp_path, **choice) as taker:
        for message in (event("A", "update"), event("B", "update", "cat"), event("B", "end", "cat"), meta):
            taker.take(message)
        until(lambda: taker.facts["delivered"] == 2)
    assert [one.delivery for one in server.received] == [
        "B-update-0",
        f"{event.stamper.boot_id}-mgcl.v1.meta-0",
    ]


def test_a_receiver_can_check_who_signed_and_when(tmp_path: Path, event: Events) -> None:
    (tmp_path / "secret").write_text("open sesame\n")
    with hook(says(503)) as server, sink(server.url, tmp_path, secret_file=tmp_path / "secret") as taker:
        taker.take(event("A"))
        until(lambda: taker.facts["delivered"] == 1)
    now = time.time()
    assert len(server.received) == 2
    for received in server.received:
        assert is_signed(received, b"open sesame", now)
        assert not is_signed(received, b"open barley", now)
        assert not is_signed(received, b"open sesame", now + 1000)


def test_who_we_are_comes_from_files_variables_and_the_address(
    tmp_path: Path, event: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "headers").write_text("X-Api-Key: abc\n\nX-Room: 7\n")
    monkeypatch.setenv("HOOK_TOKEN", " t0ken\n")
    with hook() as server:
        with sink(server.url, tmp_path, token_env="HOOK_TOKEN", header_file=tmp_path / "headers") as taker:
            taker.take(event("A"))
            until(lambda: taker.facts["delivered"] == 1)
        with sink(server.url.replace("//", "//me:p%40ss@") + "?key=1", tmp_path) as taker:
            taker.take(event("B"))
            until(lambda: taker.facts["delivered"] == 1)
    first, second = server.received
    sent = [first.headers[name] for name in ("Authorization", "X-Api-Key", "X-Room")]
    assert sent == ["Bearer t0ken", "abc", "7"]
    assert (basic(second), second.path) == ("me:p@ss", "/hook?key=1")


def test_proxies_of_the_environment_are_left_alone_and_a_named_one_is_used(
    tmp_path: Path, event: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    with hook() as server:
        with sink(server.url, tmp_path) as taker:
            taker.take(event("A"))
            until(lambda: taker.facts["delivered"] == 1)
        with sink("http://far.invalid/there", tmp_path, proxy=server.url) as taker:
            taker.take(event("B"))
            until(lambda: taker.facts["delivered"] == 1)
    assert [one.path for one in server.received] == ["/hook", "http://far.invalid/there"]


@pytest.mark.system("openssl")
def test_a_certificate_is_checked_against_the_file_that_is_named(tmp_path: Path, event: Events) -> None:
    public, context = own_certificate(tmp_path)
    with hook(context=context) as server:
        with sink(server.url, tmp_path) as stranger:
            stranger.take(event("A"))
            until(lambda: stranger.facts["reason"])
            assert "certificate is not trusted" in stranger.facts["reason"]
        assert server.received == []
        for trust in ({"ca_file": public}, {"verify": False}):
            with sink(server.url, tmp_path, **trust) as taker:
                taker.take(event(f"B{trust}"))
                until(lambda taker=taker: taker.facts["delivered"] and not taker.facts["waiting"])


# Servers that fail


@pytest.mark.parametrize(
    "behaviour",
    [
        pytest.param(says(500), id="500"),
        pytest.param(says(503, Retry_After="0"), id="503"),
        pytest.param(says(408), id="408"),
        pytest.param(says(425), id="425"),
        pytest.param(says(429), id="429"),
        pytest.param(says(401), id="401"),
        pytest.param(says(403), id="403"),
        pytest.param(says(404), id="404"),
        pytest.param(says(418), id="418"),
        pytest.param(says(799), id="799"),
        pytest.param(hangs, id="no answer"),
        pytest.param(hangs_up, id="closed"),
        pytest.param(breaks_off, id="half an answer"),
        pytest.param(is_no_web_server, id="no web server"),
        pytest.param(trickles_headers, id="an answer that trickles"),
    ],
)
def test_a_failed_try_is_made_again_by_the_same_name_and_in_order(
    tmp_path: Path, event: Events, behaviour: Behaviour
) -> None:
    with hook(behaviour, behaviour) as server, sink(server.url, tmp_path, timeout_seconds=ONCE_SECONDS) as taker:
        taker.take(event("A"))
        taker.take(event("B"))
        until(lambda: taker.facts["delivered"] == 2)
        facts = taker.facts
    tries = Counter(one.delivery for one in server.received)
    assert [*tries] == ["A-start-0", "B-start-1"]
    assert tries["A-start-0"] >= 3  # more where the machine is slower than our patience
    wanted = {"delivered": 2, "waiting": 0, "failed": tries.total() - 2, "refused": 0, "dropped": 0}
    assert facts == {**wanted, "oldest_seconds": None, "reason": None}


@pytest.mark.parametrize("status", [400, 405, 410, 413, 422])
def test_what_is_refused_for_good_is_dropped_counted_and_logged(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    with hook(says(status)) as server, sink(server.url, tmp_path) as taker:
        taker.take(event("A"))
        taker.take(event("B"))
        until(lambda: taker.facts["delivered"])
        assert (taker.facts["refused"], taker.facts["failed"], taker.facts["waiting"]) == (1, 0, 0)
    assert [one.delivery for one in server.received] == ["A-start-0", "B-start-1"]
    assert f"it answers {status}" in caplog.text
    assert "A-start-0 is dropped (1 so far)" in caplog.text


def test_a_server_that_refuses_everything_does_not_fill_the_log(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    with hook(*[says(400)] * 5) as server, sink(server.url, tmp_path) as taker:
        for id in "ABCDEF":
            taker.take(event(id))
        until(lambda: taker.facts["delivered"])
        assert taker.facts["refused"] == 5
    assert caplog.text.count("is dropped") == 1


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_nobody_is_followed_elsewhere(tmp_path: Path, event: Events, status: int) -> None:
    with hook() as elsewhere, hook(says(status, Location=elsewhere.url)) as server, sink(server.url, tmp_path) as taker:
        taker.take(event("A"))
        until(lambda: taker.facts["delivered"])
        assert taker.facts["failed"] == 1
    assert len(server.received) == 2
    assert elsewhere.received == []


@pytest.mark.parametrize("behaviour", [acknowledges_and_trickles, acknowledges_without_end])
def test_an_acknowledgement_counts_however_its_body_goes_on(
    tmp_path: Path, event: Events, behaviour: Behaviour
) -> None:
    with hook(behaviour) as server, sink(server.url, tmp_path, timeout_seconds=ONCE_SECONDS) as taker:
        taker.take(event("A"))
        until(lambda: taker.facts["delivered"])
    assert set(server.acknowledged) == {"A-start-0"}
    assert len(server.acknowledged) == taker.facts["failed"] + 1  # none where the machine is not too slow for us


def test_nothing_listens_there_is_said_once_and_its_end_too(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with hook() as server:
        address = server.server_address
        url = server.url
    with sink(url, tmp_path) as taker:
        taker.take(event("A"))
        until(lambda: taker.facts["failed"] >= 3)
        assert taker.facts["reason"] == "the connection is refused: nothing listens there"
        assert taker.facts["waiting"] == 1
        assert taker.facts["oldest_seconds"] >= 0
        with hook() as back:
            assert back.server_address != address
    lines = [record.getMessage() for record in caplog.records if "refused" in record.getMessage()]
    assert len(lines) == 1
    assert "1 message waits for the next start" in caplog.text


# When it is tried again


def test_the_wait_grows_from_a_second_to_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    waits = [verdict(NoAnswer("away"), tries).seconds for tries in range(40)]
    assert 1 <= waits[0] <= 1.25
    assert all(300 <= wait <= 375 for wait in waits[9:])
    assert len(set(waits)) == len(waits)  # spread
    assert 30 <= verdict(Answer(404), 0).seconds <= 40


def test_retry_after_is_honoured_up_to_an_hour() -> None:
    assert verdict(Answer(503, retry_after=77.0), 0).seconds == 77.0
    assert verdict(Answer(429, retry_after=1e9), 0).seconds == 3600.0
    assert verdict(Answer(503, retry_after=0.0), 0).seconds > 0


def test_a_date_or_nonsense_in_retry_after_holds_nobody_up(tmp_path: Path, event: Events) -> None:
    past = "Wed, 21 Oct 2015 07:28:00 GMT"
    rude = [says(503, Retry_After=value) for value in (past, "soon", "-1", "Wed, 99 Oct 99999 07:28:00 GMT")]
    with hook(*rude) as server, sink(server.url, tmp_path) as taker:
        taker.take(event("A"))
        until(lambda: taker.facts["delivered"])
    assert len(server.received) == 5


# The outbox


def test_building_a_sink_opens_and_sends_nothing(tmp_path: Path, event: Events) -> None:
    with hook(hangs) as server:
        with sink(server.url, tmp_path, timeout_seconds=20.0) as taker:
            taker.take(event("A"))
            until(lambda: server.received)
        before = sorted(tmp_path.iterdir())
        with sink(server.url, tmp_path) as looked:
            assert looked.facts["delivered"] == 0
        assert sorted(tmp_path.iterdir()) == before
        assert len(server.received) == 1


def test_closing_takes_less_than_a_second_and_the_next_start_delivers(tmp_path: Path, event: Events) -> None:
    with hook(hangs) as server:
        with sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
            for id in "ABC":
                taker.take(event(id))
            until(lambda: server.received)
            began = time.monotonic()
        assert time.monotonic() - began < 2.0
        with sink(server.url, tmp_path) as taker:
            taker.take(event("A", "update"))  # not wanted, but the daemon speaks
            until(lambda: taker.facts["delivered"] == 3)
    assert server.acknowledged == ["A-start-0", "B-start-1", "C-start-2"]


def test_a_full_outbox_loses_the_oldest_and_counts_them(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    with hook(hangs) as server:
        with sink(server.url, tmp_path, timeout_seconds=60.0, outbox_events=3) as taker:
            for id in "ABCDE":
                taker.take(event(id))
            assert taker.facts["dropped"] == 2
            assert taker.facts["waiting"] == 3
            assert "the outbox is full" in taker.facts["reason"]
        assert caplog.text.count("the outbox is full") == 1
        with sink(server.url, tmp_path) as taker:
            taker.take(event("F"))
            until(lambda: taker.facts["delivered"] == 4)
    assert [name[0] for name in server.acknowledged] == ["C", "D", "E", "F"]


def test_what_is_too_old_is_given_up(tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture) -> None:
    with hook() as server, sink(server.url, tmp_path, max_age_hours=0.1 / 3600) as taker:
        server.usual = says(503)
        taker.take(event("A"))
        until(lambda: taker.facts["dropped"] == 1)
        until(lambda: taker.facts["waiting"] == 0)
        assert taker.facts["delivered"] == 0
    assert "1 message is given up" in caplog.text


def test_a_clock_that_is_set_makes_no_message_old(
    tmp_path: Path, event: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    with hook(hangs_up) as server, sink(server.url, tmp_path, max_age_hours=1.0) as taker:
        monkeypatch.setattr(_webhook_verdict, "FIRST_SECONDS", 0.3)
        taker.take(event("A"))
        until(lambda: taker.facts["failed"])
        late = time.time_ns() + 30 * 86_400 * 1_000_000_000
        monkeypatch.setattr(time, "time_ns", lambda: late)
        until(lambda: taker.facts["delivered"])
        assert taker.facts["dropped"] == 0


def test_what_an_earlier_process_left_grows_old_too(tmp_path: Path, event: Events) -> None:
    with hook(hangs) as server:
        with sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
            taker.take(event("A"))
            until(lambda: server.received)
        with sqlite3.connect(tmp_path / "outbox.sqlite") as database:
            database.execute("UPDATE message SET taken_ns = taken_ns - 2 * 3600 * 1000000000")  # two hours ago
        database.close()
        with sink(server.url, tmp_path, max_age_hours=1.0) as taker:
            taker.take(event("B"))
            until(lambda: taker.facts["delivered"])
            assert taker.facts["dropped"] == 1
    assert server.acknowledged == ["B-start-1"]


def test_a_message_beyond_all_bounds_is_dropped(tmp_path: Path, event: Events) -> None:
    with hook() as server, sink(server.url, tmp_path) as taker:
        taker.take(event("A", name="d" * MOST_BYTES))
        taker.take(event("B", name="\u202e\u0000\U0001f415" * 512))  # 4 KB of class name
        until(lambda: taker.facts["delivered"])
        assert taker.facts["dropped"] == 1
    assert server.received[0].json["body"]["class"] == "\u202e\u0000\U0001f415" * 512


@pytest.mark.parametrize("damage", ["garbage", "torn"])
def test_a_damaged_outbox_is_moved_aside(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture, damage: str
) -> None:
    path = tmp_path / "outbox.sqlite"
    if damage == "garbage":
        path.write_bytes(b"no database at all, " * 1000)
    else:
        with hook(hangs) as server, sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
            for number in range(50):
                taker.take(event(f"A{number}"))
        content = path.read_bytes()
        path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    with hook() as server, sink(server.url, tmp_path) as taker:
        taker.take(event("B"))
        until(lambda: taker.facts["delivered"])
    assert [one.delivery[:2] for one in server.received] == ["B-"]
    assert f"{path} is damaged" in caplog.text
    assert len(list(tmp_path.glob("outbox.sqlite.damaged-*"))) >= 1


def test_an_outbox_that_is_damaged_while_it_is_open_is_moved_aside_too(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "outbox.sqlite"
    with hook(acknowledges_at_last) as server, sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
        taker.take(event("A"))
        until(lambda: server.received)
        outbox = taker._open[0] if taker._open else None
        assert outbox is not None
        assert outbox._database is not None
        outbox._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        with path.open("r+b") as file:
            file.write(b"\xff" * path.stat().st_size)
        outbox._database.execute("PRAGMA shrink_memory")
        taker.take(event("B"))
        assert taker.facts["waiting"] == 1
        server.over.set()  # the acknowledgement of A, of the old file, ends nothing in the new one
        until(lambda: taker.facts["delivered"] == 2)
    assert server.acknowledged == ["A-start-0", "B-start-1"]
    assert "is damaged" in caplog.text


@pytest.mark.parametrize("suffixes", [("",), ("", "-wal", "-shm")])
def test_what_waits_in_an_outbox_that_is_removed_is_in_the_next(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture, suffixes: tuple[str, ...]
) -> None:
    with hook(hangs) as server:
        with sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
            taker.take(event("A"))
            until(lambda: server.received)
            for suffix in suffixes:
                (tmp_path / f"outbox.sqlite{suffix}").unlink()
            taker.take(event("B"))
            taker.take(event("C"))
            assert taker.facts["waiting"] == 3
        with sink(server.url, tmp_path) as taker:
            taker.take(event("D"))
            until(lambda: taker.facts["delivered"] == 4)
    assert [name[0] for name in server.acknowledged] == ["A", "B", "C", "D"]
    assert caplog.text.count("was moved or removed") == 1


def test_each_change_of_the_outbox_reaches_the_disk_itself(tmp_path: Path, event: Events) -> None:
    with hook(hangs) as server, sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
        taker.take(event("A"))
        assert taker._open is not None
        database = taker._open[0]._database
        assert database is not None
        settings = [database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    assert settings == ["wal", 2]  # 2 is FULL


def test_an_outbox_of_a_newer_version_is_left_alone(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture
) -> None:
    with sqlite3.connect(tmp_path / "outbox.sqlite") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    before = (tmp_path / "outbox.sqlite").read_bytes()
    with sink("http://127.0.0.1:9/", tmp_path) as taker:
        taker.take(event("A"))
        taker.take(event("A", "update"))
        assert taker.facts["dropped"] == 1
        assert "a newer mgcld wrote it" in taker.facts["reason"]
    assert caplog.text.count("a newer mgcld wrote it") == 1
    assert (tmp_path / "outbox.sqlite").read_bytes() == before


def test_the_outbox_and_all_beside_it_are_private(tmp_path: Path, event: Events) -> None:
    with hook(hangs) as server, sink(server.url, tmp_path, timeout_seconds=60.0) as taker:
        taker.take(event("A"))
        modes = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("outbox*")}
    assert len(modes) == 4
    assert set(modes.values()) == {0o600}


def test_two_sinks_never_share_an_outbox(tmp_path: Path, event: Events, monkeypatch: pytest.MonkeyPatch) -> None:
    script = """
import sys
from mgcld_plugins.sinks._outbox_lock import OutboxLock
from pathlib import Path
OutboxLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
sys.stdin.read() or __import__("time").sleep(60)
"""
    with Child(script, str(tmp_path / "outbox.sqlite")) as other:
        assert other.line() == "held"
        with pytest.raises(ConfigError, match="another process uses"):
            WebhookSink("http://127.0.0.1:9/", outbox=tmp_path / "outbox.sqlite")
    monkeypatch.setattr(webhook, "LOCK_SECONDS", 0.1)
    monkeypatch.setattr(webhook, "RETRY_SECONDS", -0.1)
    with hook() as server, sink(server.url, tmp_path) as old:
        old.take(event("A"))
        with sink(server.url, tmp_path) as new:  # the configuration is read again
            new.take(event("B"))
            assert new.facts["dropped"] == 1
            assert "another process uses" in new.facts["reason"]
            old.close()
            new.take(event("B"))
            until(lambda: new.facts["delivered"])
    assert sorted(server.acknowledged) == ["A-start-0", "B-start-2"]


FULL_DISK = """
import resource, sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from sink_events import Events
from mgcld_plugins.sinks.webhook import WebhookSink
sink, event = WebhookSink(sys.argv[1], outbox=Path(sys.argv[2])), Events()
sink.take(event("first", "update"))
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
for number in range(30):
    sink.take(event(f"event{number}", name="d" * 2000))
print(sink.facts["dropped"], sink.facts["reason"], flush=True)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
sink.take(event("last"))
print(sink.facts["dropped"], flush=True)
sink.close()
"""


def test_a_full_disk_is_counted_said_once_and_got_over(tmp_path: Path) -> None:
    with hook() as server:
        server.usual = hangs
        path = str(tmp_path / "outbox.sqlite")
        with Child(FULL_DISK, server.url, path, str(Path(__file__).parent)) as child:
            dropped, _, reason = child.line().partition(" ")
            assert 0 < int(dropped) < 30
            assert "the outbox cannot be written" in reason
            assert child.line() == dropped
            assert child.wait() == 0
            assert child.errors.count("cannot be written") == 1
            assert "Traceback" not in child.errors


STREAM = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[4])
from sink_events import Events
from mgcld_plugins.sinks import _webhook_verdict, webhook
from mgcld_plugins.sinks.webhook import WebhookSink
_webhook_verdict.FIRST_SECONDS = 0.005
sink, event = WebhookSink(sys.argv[1], outbox=Path(sys.argv[2])), Events()
for number in range(1000):
    id = f"{sys.argv[3]}.{number}"
    sink.take(event(id))
    print(id, flush=True)
    time.sleep(0.003)
"""


def test_no_event_is_lost_and_none_acknowledged_twice_over_kills(tmp_path: Path) -> None:
    """A kill may come between an acknowledgement and our noting it: of one message at most, which keeps its name."""
    kept: list[str] = []
    with hook() as server:
        server.usual = moody(seed=6)
        for life in range(3):
            arguments = server.url, str(tmp_path / "outbox.sqlite"), str(life), str(Path(__file__).parent)
            with Child(STREAM, *arguments) as child:
                kept += [child.line() for _ in range(25 + 10 * life)]
                child.process.kill()
                child.process.wait()
                kept += child.waiting()
        with sink(server.url, tmp_path) as last:
            last.take(Events()("last"))
            until(lambda: last.facts["waiting"] == 0)
    assert len(kept) >= 25 + 35 + 45
    once = list(dict.fromkeys(server.acknowledged))
    assert {f"{id}-start-{id.partition('.')[2]}" for id in kept} <= set(once)
    assert len(server.acknowledged) - len(once) <= 3  # kills
    assert [name for name, _ in groupby(server.acknowledged)] == once  # again at once, by the next process
    *ids, last = [name.partition("-")[0] for name in once]
    assert (ids, last) == (sorted(ids, key=lambda id: [int(part) for part in id.split(".")]), "last")
    assert len(server.received) > len(server.acknowledged)  # it did fail


# Nobody learns a secret


SECRETS = ("us3r", "p4ss", "h1dden", "qu3ry", "t0ken", "s1gned", "h3ader", "pr0xy")


@pytest.mark.parametrize("behaviour", [says(401), says(400), says(302, Location="http://h1dden@x/"), hangs_up])
def test_no_secret_is_told_to_anybody(
    tmp_path: Path, event: Events, caplog: pytest.LogCaptureFixture, behaviour: Behaviour
) -> None:
    caplog.set_level(logging.DEBUG)
    for name, text in (("token", "t0ken"), ("secret", "s1gned"), ("headers", "X-Key: h3ader")):
        (tmp_path / name).write_text(text)
    files = {"secret_file": tmp_path / "secret", "header_file": tmp_path / "headers"}
    told = []
    with hook() as server:
        server.usual = behaviour
        port = server.server_port
        for url, more in (
            (f"http://us3r:p4ss@127.0.0.1:{port}/h1dden?key=qu3ry", {}),
            (f"http://127.0.0.1:{port}/h1dden?key=qu3ry", {"token_file": tmp_path / "token"}),
        ):
            with sink(url, tmp_path, **files, **more) as taker:
                taker.take(event(url.partition(":")[0] + str(len(url))))
                until(lambda taker=taker: taker.facts["failed"] or taker.facts["refused"])
                told += [json.dumps(taker.facts), repr(taker), str(vars(taker).get("_to"))]
    assert server.received
    assert f"webhook http://127.0.0.1:{port}" in caplog.text
    for secret in SECRETS:
        assert secret not in caplog.text
        assert secret not in "".join(told)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"url": "h1dden"}, "no URL"),
        ({"url": "ftp://host/h1dden"}, "no URL"),
        ({"url": "http://"}, "no URL"),
        ({"url": "http://host:99999/h1dden"}, "no URL"),
        ({"url": "http://ho st/h1dden"}, "no URL"),
        ({"proxy": "socks5://pr0xy@host"}, "no URL"),
        ({"token_env": "NOBODY_SET_IT"}, "no token"),
        ({"token_file": Path("/nowhere/token")}, "cannot be read"),
        ({"token_env": "TWO_WORDS"}, "blanks or signs"),
        ({"token_env": "TWO_WORDS", "token_file": Path("x")}, "both given"),
        ({"url": "http://us3r:p4ss@host/", "token_env": "A_TOKEN"}, "two headers Authorization"),
        ({"secret_env": "NOBODY_SET_IT"}, "no secret"),
        ({"outbox_events": 0}, "outbox_events"),
        ({"max_age_hours": 0.0}, "max_age_hours"),
        ({"timeout_seconds": float("nan")}, "timeout_seconds"),
        ({"outbox": None}, "no place for the outbox"),
        ({"outbox": Path("/nowhere/at/all.sqlite")}, "is no file"),
        ({"ca_file": Path("/nowhere/ca.pem")}, "holds no certificate"),
        ({"ca_file": Path("/nowhere/ca.pem"), "verify": False}, "leave one|verify is false"),
    ],
)
def test_a_mistake_in_the_options_is_told_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], said: str
) -> None:
    monkeypatch.setenv("TWO_WORDS", "t0ken t0ken")
    monkeypatch.setenv("A_TOKEN", "t0ken")
    whole = {"url": "http://host/", "outbox": tmp_path / "outbox.sqlite", **options}
    with pytest.raises(ConfigError, match=said) as caught:
        WebhookSink(**whole)
    assert not [secret for secret in SECRETS if secret in f"{caught.value} {caught.value.help}"]


@pytest.mark.parametrize(
    "line", ["X-Key h3ader", "X Key: h3ader", "X-Key: h3ader\x07", "Host: h3ader", "X-K: 1\nx-k: 2"]
)
def test_a_line_that_is_no_header_of_ours_to_give_is_told(tmp_path: Path, line: str) -> None:
    (tmp_path / "headers").write_text(line)
    with pytest.raises(ConfigError) as caught:
        WebhookSink("http://host/", outbox=tmp_path / "outbox.sqlite", header_file=tmp_path / "headers")
    assert "h3ader" not in str(caught.value)


def test_a_service_keeps_its_outbox_in_its_state_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}:/elsewhere")
    with hook() as server:
        taker = WebhookSink(server.url)
        taker.take(Events()("A"))
        until(lambda: taker.facts["delivered"])
        taker.close()
    assert (tmp_path / "webhook.sqlite").exists()


def test_the_configuration_names_it(tmp_path: Path) -> None:
    constructor = load("sink", "webhook")
    given = {"url": "http://host/", "outbox": "outbox.sqlite", "phases": ["end"], "classes": ["dog"]}
    checked = options_of(constructor, given, where="sinks.hook", base=tmp_path)
    assert checked["outbox"] == tmp_path / "outbox.sqlite"
    with pytest.raises(ConfigError, match=r"sinks\.hook\.phases"):
        options_of(constructor, {**given, "phases": ["middle"]}, where="sinks.hook", base=tmp_path)
