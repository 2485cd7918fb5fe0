"""Messages in a file: whole lines, whatever happens to the disk, to the process, and to the file."""

import gzip
import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from happenings import Daemon
from mgcld_plugins.sinks.jsonl import JsonlSink

from mgcld.config import options_of
from mgcld.errors import ConfigError
from mgcld.interfaces import Describing, Sink
from mgcld.registry import load

DAEMON = Daemon()


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def kinds(path: Path) -> list[str]:
    return [line["topic"].split("/")[2] for line in lines(path)]


def test_each_message_is_a_line_with_its_topic_header_and_body(tmp_path: Path) -> None:
    sink, sent = JsonlSink(tmp_path / "events.jsonl"), [DAEMON.event(), DAEMON.event("end", reason="quiet")]
    for message in sent:
        sink.take(message)
    sink.close()
    assert lines(tmp_path / "events.jsonl") == [
        {"topic": message.topic, "header": dict(message.header), "body": dict(message.body)} for message in sent
    ]
    assert isinstance(sink, Sink)
    assert isinstance(sink, Describing)
    size = (tmp_path / "events.jsonl").stat().st_size
    wanted = {"delivered": 2, "failed": 0, "bytes": size, "file": str(tmp_path / "events.jsonl"), "reason": None}
    assert sink.facts == wanted


def test_only_the_wished_kinds_are_written(tmp_path: Path) -> None:
    usual, wished = JsonlSink(tmp_path / "usual"), JsonlSink(tmp_path / "wished", kinds=["prob", "meta", "health"])
    for message in (DAEMON.event(), DAEMON.prob(), DAEMON.meta("dog"), DAEMON.health(), DAEMON.node()):
        usual.take(message)
        wished.take(message)
    usual.close()
    wished.close()
    assert kinds(tmp_path / "usual") == ["event"]
    assert kinds(tmp_path / "wished") == ["prob", "meta", "health", "health"]


def test_nothing_is_made_before_the_first_message_and_then_only_the_group_may_read(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "events.jsonl")
    assert list(tmp_path.iterdir()) == []
    before = os.umask(0o002)
    try:
        sink.take(DAEMON.event())
    finally:
        os.umask(before)
    sink.close()
    assert stat.S_IMODE((tmp_path / "events.jsonl").stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["a/b/../../../etc/passwd", "line\nbreak\r", "\u202etfel\u2028", "x" * 4096])
def test_a_class_of_any_name_stays_within_its_line(tmp_path: Path, name: str) -> None:
    sink = JsonlSink(tmp_path / "events.jsonl")
    sink.take(DAEMON.event(name=name))
    sink.take(DAEMON.event())
    sink.close()
    assert [line["body"]["class"] for line in lines(tmp_path / "events.jsonl")] == [name, "dog"]


# Rotation


def test_a_full_file_makes_room_and_only_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonlSink(path, max_megabytes=0.001, keep=2, sync="never")
    ids = []
    for _ in range(9):
        message = DAEMON.event()
        ids.append(message.body["id"])
        sink.take(message)
        assert path.stat().st_size <= 1000
    sink.close()
    files = [tmp_path / "events.jsonl.2", tmp_path / "events.jsonl.1", path]
    assert sorted(tmp_path.iterdir()) == sorted([*files, tmp_path / ".events.jsonl.lock"])
    kept = [line["body"]["id"] for file in files for line in lines(file)]
    assert kept == ids[-len(kept) :]
    assert len(kept) >= 3


def test_a_line_longer_than_a_file_may_be_is_written_all_the_same(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "events", max_megabytes=0.001, keep=1)
    sink.take(DAEMON.event(name="x" * 4096))
    sink.take(DAEMON.event())
    sink.close()
    assert len(lines(tmp_path / "events")) == len(lines(tmp_path / "events.1")) == 1


def test_without_keeping_any_the_full_file_is_thrown_away(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "events", max_megabytes=0.0001, keep=0)
    for _ in range(3):
        sink.take(DAEMON.event())
    sink.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".events.lock", "events"]
    assert len(lines(tmp_path / "events")) == 1


def test_older_files_are_compressed(tmp_path: Path) -> None:
    sink = JsonlSink(tmp_path / "events", max_megabytes=0.0001, keep=3, compress=True)
    ids = []
    for _ in range(3):
        message = DAEMON.event()
        ids.append(message.body["id"])
        sink.take(message)
        sink._rotation.wait(30)
    sink.close()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".events.lock", "events", "events.1.gz", "events.2.gz"]
    packed = [json.loads(gzip.decompress((tmp_path / f"events.{n}.gz").read_bytes())) for n in (2, 1)]
    assert [line["body"]["id"] for line in [*packed, *lines(tmp_path / "events")]] == ids


def test_another_day_begins_another_file(tmp_path: Path) -> None:
    path = tmp_path / "events"
    first = JsonlSink(path, rotate="daily")
    first.take(DAEMON.event())
    first.take(DAEMON.event())
    first.close()
    yesterday = time.time() - 86_400
    os.utime(path, (yesterday, yesterday))
    by_size, daily = JsonlSink(path), JsonlSink(path, rotate="daily")
    by_size.take(DAEMON.event())
    by_size.close()
    assert len(lines(path)) == 3
    os.utime(path, (yesterday, yesterday))
    daily.take(DAEMON.event())
    daily.take(DAEMON.event())
    daily.close()
    assert (len(lines(tmp_path / "events.1")), len(lines(path))) == (3, 2)


def test_where_it_cannot_be_rotated_the_file_grows_on(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "events.1").mkdir()
    sink = JsonlSink(tmp_path / "events", max_megabytes=0.0001, keep=1)
    for _ in range(4):
        sink.take(DAEMON.event())
    sink.close()
    assert len(lines(tmp_path / "events")) == 4
    assert caplog.text.count("cannot be rotated") == 1


@pytest.mark.parametrize("removed", [True, False], ids=["removed", "renamed"])
def test_a_file_that_somebody_moves_or_removes_is_begun_anew(tmp_path: Path, removed: bool) -> None:
    path = tmp_path / "events"
    sink = JsonlSink(path)
    sink.take(DAEMON.event())
    path.unlink() if removed else path.rename(tmp_path / "events-20261125")
    sink.take(DAEMON.event())
    sink.close()
    assert len(lines(path)) == 1
    assert removed or len(lines(tmp_path / "events-20261125")) == 1


# What goes wrong

HALF = """
import os, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from happenings import Daemon
from mgcld_plugins.sinks.jsonl import JsonlSink
sink, daemon = JsonlSink(Path(sys.argv[1])), Daemon()
while True:
    sink.take(daemon.event())
    print(flush=True)
"""


def writer(path: Path) -> subprocess.Popen[bytes]:
    """Another process that writes until it is killed; it has begun."""
    command = [sys.executable, "-c", HALF, str(path), str(Path(__file__).parent)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait(10)
    assert process.stdout is not None
    process.stdout.close()


def test_a_killed_process_leaves_whole_lines_and_frees_the_file(tmp_path: Path) -> None:
    process = writer(tmp_path / "events")
    try:
        with pytest.raises(ConfigError, match="another process writes to"):
            JsonlSink(tmp_path / "events")
    finally:
        end(process)
    before = len(lines(tmp_path / "events"))
    sink = JsonlSink(tmp_path / "events")
    sink.take(DAEMON.event())
    sink.close()
    assert len(lines(tmp_path / "events")) == before + 1


def test_a_file_that_another_process_took_meanwhile_is_left_alone(tmp_path: Path, caplog: Any) -> None:
    sink = JsonlSink(tmp_path / "events")
    process = writer(tmp_path / "events")
    try:
        process.send_signal(signal.SIGSTOP)
        before = (tmp_path / "events").stat().st_size
        sink.take(DAEMON.event())
        sink.take(DAEMON.event())
        assert (tmp_path / "events").stat().st_size == before
    finally:
        end(process)
    assert sink.facts["reason"] == "another process writes to it"
    assert caplog.text.count("another process writes to it") == 1
    with caplog.at_level("INFO"):
        sink.take(DAEMON.event())
    sink.close()
    assert (sink.facts["delivered"], sink.facts["failed"], sink.facts["reason"]) == (1, 2, None)
    assert "2 messages are missing" in caplog.text


def test_two_sinks_of_one_process_may_overlap_as_in_a_reload(tmp_path: Path) -> None:
    old = JsonlSink(tmp_path / "events")
    old.take(DAEMON.event())
    new = JsonlSink(tmp_path / "events", kinds=["event", "meta"])
    new.take(DAEMON.meta("dog"))
    old.take(DAEMON.event())
    old.close()
    new.take(DAEMON.event())
    new.close()
    assert kinds(tmp_path / "events") == ["event", "meta", "event", "event"]


def test_half_a_line_at_the_end_gets_a_line_of_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "events"
    path.write_bytes(b'{"whole": 1}\n{"hal')
    sink = JsonlSink(path)
    sink.take(DAEMON.event())
    sink.close()
    whole, half, new = path.read_bytes().splitlines()
    assert (whole, half) == (b'{"whole": 1}', b'{"hal')
    assert json.loads(new)["body"]["class"] == "dog"
    assert "its last 5 bytes" in caplog.text


def test_a_full_disk_is_told_once_tried_again_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The disk is a limit on the file's size here: a write then takes what fits, and the next one nothing."""
    path = tmp_path / "events"
    sink = JsonlSink(path)
    sink.take(DAEMON.event())
    size = path.stat().st_size
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 100, limits[1]))
    try:
        for _ in range(3):
            sink.take(DAEMON.event())
        assert path.stat().st_size == size
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (sink.facts["failed"], sink.facts["delivered"]) == (3, 1)
    assert sink.facts["reason"] == "File too large"
    assert caplog.text.count("cannot be written") == 1
    with caplog.at_level("INFO"):
        sink.take(DAEMON.event())
    sink.close()
    assert "3 messages are missing" in caplog.text
    assert len(lines(path)) == 2


def test_a_folder_that_is_gone_is_told_and_used_again_once_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "log"
    folder.mkdir()
    sink = JsonlSink(folder / "events")
    folder.rmdir()
    sink.take(DAEMON.event())
    assert (sink.facts["failed"], sink.facts["reason"]) == (1, "No such file or directory")
    folder.mkdir()
    sink.take(DAEMON.event())
    sink.close()
    assert len(lines(folder / "events")) == 1


@pytest.mark.parametrize(("sync", "wanted"), [("always", 3), ("event", 1), ("never", 0)])
def test_how_often_the_disk_is_waited_for(
    tmp_path: Path, sync: Any, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = JsonlSink(tmp_path / "events", kinds=["event", "meta", "health"], sync=sync)
    calls: list[int] = []
    real = os.fdatasync
    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", lambda handle: (calls.append(handle), real(handle)))
        for message in (DAEMON.meta("dog"), DAEMON.event(), DAEMON.health()):
            sink.take(message)
    sink.close()
    assert len(calls) == wanted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"path": "{folder}"}, "is no file"),
        ({"path": "{folder}/absent/events"}, "there is no folder"),
        ({"path": "{folder}/events", "kinds": []}, "kinds is empty"),
        ({"path": "{folder}/events", "kinds": ["sound"]}, r"sinks\.log\.kinds"),
        ({"path": "{folder}/events", "max_megabytes": 0}, "max_megabytes cannot be 0"),
        ({"path": "{folder}/events", "max_megabytes": ".nan"}, "max_megabytes"),
        ({"path": "{folder}/events", "keep": -1}, "keep cannot be -1"),
        ({"path": "{folder}/events", "sync": "often"}, r"sinks\.log\.sync"),
        ({"path": "/dev/null"}, "is no file"),
        ({}, r"sinks\.log\.path: missing"),
    ],
)
def test_options_that_make_no_sense_are_named(tmp_path: Path, options: dict[str, Any], said: str) -> None:
    given = {key: str(value).format(folder=tmp_path) if key == "path" else value for key, value in options.items()}
    sink = load("sink", "jsonl")
    with pytest.raises(ConfigError, match=said) as raised:
        sink(**options_of(sink, given, where="sinks.log", base=tmp_path))
    assert raised.value.help
