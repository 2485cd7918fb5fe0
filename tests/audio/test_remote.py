import itertools
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest
from children import Child
from rough import steps, tone

from mgcld.audio.process import POLITE_SECONDS
from mgcld.audio.remote import RemoteSource
from mgcld.data import AudioBlock
from mgcld.errors import ConfigError, SourceError

HERE = Path(__file__).parent


@pytest.fixture
def rough(request: pytest.FixtureRequest) -> Iterator[RemoteSource]:
    source = RemoteSource("mic", "rough:Rough", {"way": request.param})
    yield source
    source.close()


def way(name: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rough", [name], indirect=True)


def sound(source: RemoteSource, most: int = 10**9) -> Iterator[AudioBlock]:
    """The blocks of one opening that hold something, within a minute."""
    deadline = time.monotonic() + 60
    for block in source.blocks():
        assert time.monotonic() < deadline
        if len(block.samples):
            yield block
            most -= 1
            if not most:
                return


def is_gone(pid: int, seconds: float = 10) -> bool:
    """Whether a process ends within so many seconds; a zombie has ended."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return True
        except psutil.NoSuchProcess:
            return True
        time.sleep(0.02)
    return False


def pid_of(source: RemoteSource) -> int:
    assert source.pid is not None
    return source.pid


@way("ends")
def test_the_blocks_are_those_of_the_source(rough: RemoteSource) -> None:
    expected = list(steps(8000))
    for _ in range(2):  # once more in the same process
        heard = list(sound(rough))
        assert len(heard) == len(expected)
        for block, wanted in zip(heard, expected, strict=True):
            np.testing.assert_array_equal(block.samples, wanted.samples)
            assert [getattr(block, n) for n in block.__slots__[1:]] == [
                getattr(wanted, n) for n in wanted.__slots__[1:]
            ]


@way("ends")
def test_a_polite_end_keeps_the_process_for_the_next_opening(rough: RemoteSource) -> None:
    pids = []
    for opening in (1, 2, 3):
        assert len(list(sound(rough))) == 20
        assert rough.facts["openings"] == opening
        pids.append(pid_of(rough))
    assert len(set(pids)) == 1
    rough.close()
    assert is_gone(pids[0])
    assert rough.pid is None


@way("fails")
def test_a_fault_arrives_with_its_reason_and_without_a_password(rough: RemoteSource) -> None:
    for _ in range(2):
        with pytest.raises(SourceError) as caught:
            list(sound(rough))
        assert (caught.value.reason, "10.0.0.1/live: no" in str(caught.value)) == ("auth", True)
        assert "secret" not in str(caught.value) + caught.value.help
    assert rough.facts["openings"] == 2


@way("is_stuck")
def test_a_source_that_can_do_no_more_in_its_process_gets_another_one(rough: RemoteSource) -> None:
    with pytest.raises(SourceError, match="does not let go") as caught:
        list(sound(rough))
    assert caught.value.reason == "crashed"
    assert rough.pid is None


@pytest.mark.parametrize("rough", ["hangs", "hangs_with_the_lock", "ignores"], indirect=True)
def test_a_process_that_hangs_ticks_and_is_killed(rough: RemoteSource) -> None:
    blocks = rough.blocks()
    heard = list(itertools.islice((block for block in blocks if len(block.samples)), 5))
    assert [block.first_sample for block in heard] == [0, 400, 800, 1200, 1600]
    pid = pid_of(rough)
    began = time.monotonic()
    for _ in range(4):
        assert not len(next(blocks).samples)
    assert 0.5 < time.monotonic() - began < 10
    blocks.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 10
    assert is_gone(pid, 0.1)


def test_a_process_that_is_told_to_end_does_so_at_once_and_closes_its_source(tmp_path: Path) -> None:
    source = RemoteSource("mic", "rough:Rough", {"way": "closes", "path": tmp_path / "closed"})
    heard = sound(source)
    next(heard)
    began = time.monotonic()
    source.close()
    assert (tmp_path / "closed").read_text() == "yes"
    assert time.monotonic() - began < POLITE_SECONDS, "it was killed"


@way("starts_another")
def test_what_a_source_has_started_ends_with_it(rough: RemoteSource) -> None:
    heard = sound(rough)
    next(heard), next(heard)
    other = rough.facts["child"]
    assert psutil.pid_exists(other)
    heard.close()  # type: ignore[attr-defined]
    assert is_gone(other)


@way("leaves_another")
def test_a_process_that_dies_is_missed_at_once_whoever_holds_its_pipes(rough: RemoteSource) -> None:
    heard = rough.blocks()
    next(block for block in heard if len(block.samples))
    other, began = rough.facts["child"], time.monotonic()
    with pytest.raises(SourceError, match="status 3") as caught:
        list(itertools.takewhile(lambda _: time.monotonic() < began + 20, heard))
    assert caught.value.reason == "crashed"
    assert is_gone(other)


@way("crashes")
def test_a_crash_is_told_with_its_last_words(rough: RemoteSource) -> None:
    with pytest.raises(SourceError) as caught:
        list(sound(rough))
    assert caught.value.reason == "crashed"
    assert "SIGSEGV" in str(caught.value)
    assert "last words of rtsp://10.0.0.1/live" in str(caught.value)
    assert rough.pid is None


@way("crashes")
def test_the_next_process_is_told_what_the_first_one_chose(rough: RemoteSource) -> None:
    told = []
    for _ in range(3):
        with pytest.raises(SourceError):
            list(sound(rough))
        told.append((rough.facts["pid"], rough.facts.get("first")))
    first = told[0][0]
    assert told[0] == (first, None)
    assert [chosen for _, chosen in told[1:]] == [first, first]
    assert len({pid for pid, _ in told}) == 3


@way("breaks")
def test_a_bug_in_a_source_is_told_and_its_traceback_logged(
    rough: RemoteSource, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(SourceError, match="ZeroDivisionError"):
        list(sound(rough))
    assert "Traceback" in caplog.text
    assert "\nZeroDivisionError" in caplog.text  # its end is what tells


@way("prints")
def test_what_libraries_print_is_not_heard(rough: RemoteSource) -> None:
    assert np.concatenate([block.samples for block in sound(rough)]).tolist() == tone(0, 8000).samples.tolist()


@way("scribbles")
def test_a_process_that_spoils_its_pipe_is_ended(rough: RemoteSource) -> None:
    with pytest.raises(SourceError, match="broken") as caught:
        list(sound(rough))
    assert caught.value.reason == "crashed"
    assert rough.pid is None


@pytest.mark.parametrize("rough", ["babbles", "swallows"], indirect=True)
def test_a_process_that_writes_but_lets_nothing_be_heard_ticks(rough: RemoteSource) -> None:
    """Else nobody would ever see that it has stalled."""
    blocks = rough.blocks()
    heard = list(itertools.islice((block for block in blocks if len(block.samples)), 5))
    assert [block.first_sample for block in heard] == [0, 400, 800, 1200, 1600]
    began = time.monotonic()
    for _ in range(4):
        assert not len(next(blocks).samples)
    assert time.monotonic() - began < 10
    blocks.close()  # type: ignore[attr-defined]


def test_a_gigabyte_of_errors_is_read_and_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    source = RemoteSource("mic", "rough:Rough", {"way": "chatters", "options": {"bytes": 2**30}})
    before = psutil.Process().memory_info().rss
    with caplog.at_level(logging.DEBUG):
        heard = list(sound(source))
    assert [block.first_sample for block in heard] == [400 * number for number in range(len(heard))]
    assert len(heard) > 1000
    assert psutil.Process().memory_info().rss - before < 50 * 2**20
    assert len(caplog.records) < 100
    assert "secret" not in caplog.text
    source.close()


@way("logs_on")
def test_what_it_says_between_two_openings_harms_neither(rough: RemoteSource) -> None:
    pids = set()
    for _ in range(20):
        assert [block.first_sample for block in sound(rough)] == [0, 400]
        pids.add(pid_of(rough))
    assert len(pids) == 1


@way("logs")
def test_what_a_source_logs_is_logged_here_but_not_without_end(
    rough: RemoteSource, caplog: pytest.LogCaptureFixture
) -> None:
    list(sound(rough))
    lines = [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]
    assert lines[0] == "mic: line 0 of http://10.0.0.1/live"
    assert len(lines) == 20


@pytest.mark.parametrize("way", ["plays", "waits", "hangs", "hangs_with_the_lock", "ignores", "starts_another"])
def test_no_process_outlives_a_parent_that_is_killed(way: str) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(HERE)!r}); from mgcld.audio.remote import RemoteSource\n"
        f"source = RemoteSource('mic', 'rough:Rough', dict(way={way!r}))\n"
        "for number, block in enumerate(source.blocks()):\n"
        "    if number in (0, 20): print(source.pid, source.facts.get('child', source.pid))\n"
    )
    with Child(code) as parent:
        parent.line()
        pids = [int(pid) for pid in parent.line().split()]
        assert all(psutil.pid_exists(pid) for pid in pids)
        os.kill(parent.process.pid, signal.SIGKILL)
        assert all(is_gone(pid) for pid in pids)


def test_paths_and_texts_reach_the_source_as_they_are(tmp_path: Path) -> None:
    options = {"text": "path:no", "list": ["a", Path("b")], "none": None, "number": 1.5}
    source = RemoteSource("mic", "rough:Rough", {"way": "ends", "path": tmp_path, "options": options})
    list(sound(source))
    told = {name: source.facts[name] for name in options}
    assert told == {"text": "path:no", "list": ["a", "b"], "none": None, "number": 1.5}
    assert source.facts["path"] == str(tmp_path)
    source.close()


def test_an_option_that_no_other_process_can_have_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"sources\.mic"):
        RemoteSource("mic", "rough:Rough", {"way": object()})


def test_no_option_stands_where_every_user_can_read_it() -> None:
    source = RemoteSource("mic", "rough:Rough", {"way": "plays", "options": {"password": "secret"}})
    heard = sound(source)
    next(heard)
    process = psutil.Process(pid_of(source))
    assert "secret" not in " ".join(process.cmdline()) + str(process.environ())
    source.close()


def test_a_source_that_cannot_be_built_there_says_why() -> None:
    source = RemoteSource("mic", "nowhere_at_all:Rough", {})
    with pytest.raises(SourceError, match="nowhere_at_all") as caught:
        list(source.blocks())
    assert caught.value.reason == "crashed"


def test_a_capture_process_is_small_and_imports_nothing_heavy() -> None:
    heavy = ("torch", "pydantic", "rich", "typer", "zmq")
    code = f"import sys, mgcld.audio.child; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert result.stdout.strip() == "[]"


def test_no_fact_tells_a_password_however_deep_it_lies() -> None:
    options = {"tracks": [{"url": "rtsp://eve:secret@10.0.0.1/1", "number": 1}]}
    source = RemoteSource("mic", "rough:Rough", {"way": "ends", "options": options})
    list(sound(source))
    assert source.facts["tracks"] == [{"url": "rtsp://10.0.0.1/1", "number": 1}]
    source.close()


def test_a_process_that_cannot_be_started_leaves_no_descriptor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/at/all")
    process = psutil.Process()
    source, before = RemoteSource("mic", "rough:Rough", {"way": "ends"}), process.num_fds()
    for _ in range(3):
        with pytest.raises(SourceError, match="no capture process can be started") as caught:
            list(source.blocks())
        assert "ulimit" in caught.value.help
    assert process.num_fds() == before


def test_descriptors_are_where_they_were() -> None:
    process = psutil.Process()
    source = RemoteSource("mic", "rough:Rough", {"way": "crashes"})
    before = process.num_fds()
    for _ in range(5):
        with pytest.raises(SourceError):
            list(sound(source))
    assert process.num_fds() == before
