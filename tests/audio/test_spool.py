import logging
import os
import shutil
import stat
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from children import Child
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mgcld.audio.segment import Amount, Record
from mgcld.audio.spool import Spool
from mgcld.errors import ConfigError

FRAME = 32
"""Bytes that a record takes on disk besides its own."""
SMALL = 16 * 200
"""A ring whose segments hold 200 bytes."""


def put(spool: Spool, *numbers: int, size: int = 20) -> None:
    """Records that say their number, a second of sound each."""
    for number in numbers:
        spool.append(text(number, size), sound_ns=10**9)


def text(number: int, size: int = 20) -> bytes:
    return f"{number}".encode().ljust(size, b".")


def rest(spool: Spool) -> list[Record]:
    records = []
    while (record := spool.read(0)) is not None:
        records.append(record)
    return records


def numbers(records: Sequence[Record]) -> list[int]:
    return [int(record.data.rstrip(b".")) for record in records]


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.segment"))


def test_what_goes_in_comes_out_in_order(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, *range(9))
        records = rest(spool)
        assert numbers(records) == [*range(9)]
        assert [record.begin.records for record in records] == [*range(9)]
        assert records[-1].end == Amount(9, 9 * 10**9)
        assert spool.read(0) is None
        assert spool.lost == Amount()


def test_the_next_process_begins_where_the_last_was_done(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, *range(9))
        records = rest(spool)
        spool.done(records[3].end, b"note")
        spool.done(records[1].end, b"an older one changes nothing")
        assert spool.backlog == Amount(5, 5 * 10**9)
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        assert (spool.note, spool.before, spool.backlog) == (b"note", text(8), Amount(5, 5 * 10**9))
        put(spool, 9)
        assert numbers(rest(spool)) == [4, 5, 6, 7, 8, 9]
        assert spool.lost == Amount()


def test_a_spool_that_is_worked_off_holds_no_audio(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, *range(20))
        assert len(segments(tmp_path / "mic")) == 7  # three records of 52 bytes fit into 200
        spool.done(rest(spool)[-1].end, b"5")
        assert spool.read(0) is None
        assert segments(tmp_path / "mic") == []
        put(spool, 20)
        assert numbers(rest(spool)) == [20]
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        assert (spool.note, spool.backlog.records) == (b"5", 1)


def test_the_oldest_goes_when_it_is_full_and_the_reader_is_told(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, 0)
        assert numbers(rest(spool)) == [0]
        put(spool, *range(1, 100))
        assert sum(path.stat().st_size for path in segments(tmp_path / "mic")) <= SMALL
        told = spool.lost
        first, *others = rest(spool)
        assert first.lost == told == spool.lost
        assert first.lost == Amount(first.begin.records - 1, (first.begin.records - 1) * 10**9)
        assert numbers([first, *others]) == [*range(first.begin.records, 100)]
        assert len(others) > SMALL // 52 - 6
        assert {record.lost for record in others} == {Amount()}


def test_what_an_earlier_process_lost_is_told_too(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, *range(100))
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        lost = spool.lost
        assert lost.records > 0
        assert rest(spool)[0].lost == spool.lost == lost


def test_a_record_larger_than_the_ring_is_lost_alone(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, 0)
        put(spool, 1, size=SMALL)
        assert spool.lost.records == 1
        put(spool, 2)
        assert [(record.begin.records, record.lost.records) for record in rest(spool)] == [(0, 0), (2, 1)]
        assert spool.lost.records == 1


def test_a_reader_waits_for_what_comes(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        began = time.monotonic()
        assert spool.read(0.05) is None
        assert time.monotonic() - began >= 0.05
        got: list[Record | None] = []
        waiting = threading.Thread(target=lambda: got.append(spool.read(30)), daemon=True)
        waiting.start()
        put(spool, 0)
        waiting.join(10)
        assert [record and record.data for record in got] == [text(0)]


def test_after_its_end_nothing_is_kept_and_nobody_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "mic", max_bytes=SMALL)
    put(spool, 0)
    spool.close()
    put(spool, 1)
    spool.done(Amount(1))
    assert spool.lost.records == 1
    spool.close()
    with Spool(tmp_path / "mic", max_bytes=SMALL) as again:
        assert numbers(rest(again)) == [0]


def test_nobody_else_may_look_into_it(tmp_path: Path) -> None:
    (tmp_path / "mic").mkdir(mode=0o755)
    before = os.umask(0)
    try:
        with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
            put(spool, 0)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "mic").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "mic").iterdir()} == {0o600}


HOLDER = """
import sys, time
from pathlib import Path
from mgcld.audio.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=3200)
print("mine", flush=True)
time.sleep(100)
"""


def test_one_process_has_it_until_it_dies(tmp_path: Path) -> None:
    with Child(HOLDER, tmp_path / "mic") as other:
        assert other.line() == "mine"
        with pytest.raises(ConfigError, match="another process") as told:
            Spool(tmp_path / "mic", max_bytes=SMALL)
        assert told.value.help
        other.process.kill()
        other.wait()
        Spool(tmp_path / "mic", max_bytes=SMALL).close()


@pytest.mark.parametrize("place", ["/proc/mgcld-spool/mic", "/dev/null/mic"])
def test_a_folder_that_cannot_be_written_is_told_at_once(place: str) -> None:
    with pytest.raises(ConfigError, match="cannot spool in") as told:
        Spool(Path(place), max_bytes=SMALL)
    assert "spool.folder" in told.value.help


MOVES = st.one_of(
    st.tuples(st.just("append"), st.one_of(st.integers(0, 150), st.integers(0, SMALL - FRAME))),
    st.tuples(st.just("read"), st.integers(1, 6)),
    st.tuples(st.just("done"), st.integers(0, 9)),
    st.tuples(st.sampled_from(["reopen", "kill"]), st.just(0)),
)


@settings(max_examples=150, deadline=None)
@given(st.lists(MOVES, max_size=60))
@example([("append", 100)] * 40 + [("kill", 0), ("read", 5), ("done", 2), ("kill", 0), ("read", 5)])
def test_whatever_is_done_to_it_it_is_a_queue_that_says_what_it_lost(moves: list[tuple[str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = Model(Path(folder))
        for move, number in moves:
            getattr(model, move)(number)
            model.check()
        model.read(1000)
        assert model.next == len(model.appended)
        model.spool.close()


class Model:
    """What a spool promises, as a list."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.lives = folder, 0
        self.spool = self._opened()
        self.appended: list[bytes] = []
        self.next = self.finished = 0
        self.unfinished: list[Record] = []
        self.fitted = True

    def append(self, size: int) -> None:
        data = os.urandom(1) * size
        self.appended.append(data)
        self.spool.append(data, sound_ns=size)
        waiting = sum(len(data) + FRAME for data in self.appended[self.finished :])
        self.fitted &= waiting + max(200, *(len(data) + FRAME for data in self.appended)) <= SMALL

    def read(self, count: int) -> None:
        for _ in range(count):
            if (record := self.spool.read(0)) is None:
                return
            assert record.data == self.appended[record.begin.records]
            assert record.begin.records == self.next + record.lost.records
            lost = self.appended[self.next : record.begin.records]
            assert record.lost.sound_ns == sum(map(len, lost))
            assert not (lost and self.fitted)
            self.next = record.end.records
            self.unfinished.append(record)

    def done(self, index: int) -> None:
        if index < len(self.unfinished):
            self.spool.done(self.unfinished[index].end)
            self.finished = self.unfinished[index].end.records
            del self.unfinished[: index + 1]

    def reopen(self, _: int) -> None:
        self.spool.close()
        self.spool = self._opened()
        self.next, self.unfinished = self.finished, []

    def kill(self, _: int) -> None:
        """The files as a kill would leave them."""
        copy = self.folder / f"life {self.lives + 1}"
        shutil.copytree(self.folder / f"life {self.lives}", copy)
        self.lives += 1
        self.spool.close()
        self.spool = self._opened()
        self.next, self.unfinished = self.finished, []

    def check(self) -> None:
        files = segments(self.folder / f"life {self.lives}")
        assert sum(path.stat().st_size for path in files) <= SMALL
        assert self.spool.backlog.records == len(self.appended) - self.finished
        assert not (self.spool.lost.records and self.fitted)

    def _opened(self) -> Spool:
        return Spool(self.folder / f"life {self.lives}", max_bytes=SMALL)


@pytest.fixture
def left(tmp_path: Path) -> Path:
    """What a process left: records 0 to 8, three a file, 0 done."""
    with Spool(tmp_path / "left", max_bytes=SMALL) as spool:
        put(spool, *range(9))
        first = spool.read(0)
        assert first is not None
        spool.done(first.end, b"note")
    assert len(segments(tmp_path / "left")) == 3
    return tmp_path / "left"


def test_wherever_the_last_file_is_cut_off_what_is_whole_is_read(left: Path, tmp_path: Path) -> None:
    """A kill or a power failure in the middle of a record."""
    for size in range(3 * 52):
        folder = shutil.copytree(left, tmp_path / f"{size}")
        with segments(folder)[-1].open("r+b") as file:
            file.truncate(size)
        with Spool(folder, max_bytes=SMALL) as spool:
            whole = 6 + size // 52
            put(spool, whole)
            assert numbers(rest(spool)) == [*range(1, whole + 1)]
            assert spool.lost == Amount()


def test_a_damaged_byte_costs_at_most_its_file_and_is_told(left: Path, tmp_path: Path) -> None:
    for offset in range(0, 3 * 52, 3):
        folder = shutil.copytree(left, tmp_path / f"{offset}")
        damage(segments(folder)[1], offset)
        with Spool(folder, max_bytes=SMALL) as spool:
            put(spool, 9)
            kept = [*range(1, 3 + offset // 52), *range(6, 10)]
            records = rest(spool)
            assert numbers(records) == kept
            assert sum(record.lost.records for record in records) == spool.lost.records == 9 - len(kept)


def damage(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ 0x55]))


def test_damage_in_the_file_that_is_being_written_costs_no_more_than_that_file(tmp_path: Path) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool:
        put(spool, 0, 1)
        damage(segments(tmp_path / "mic")[-1], 60)
        assert numbers(rest(spool)) == [0]
        put(spool, 2, 3)
        records = rest(spool)
        assert [(record.begin.records, record.lost.records) for record in records] == [(2, 1), (3, 0)]


def test_a_damaged_cursor_costs_nothing_but_the_note(left: Path) -> None:
    damage(left / "cursor", 9)
    with Spool(left, max_bytes=SMALL) as spool:
        assert spool.note == b""
        assert numbers(rest(spool)) == [*range(9)]


def test_what_lies_in_the_folder_besides_is_left_alone(left: Path) -> None:
    (left / "0.segment").write_text("mine")
    (left / "notes.txt").write_text("mine")
    with Spool(left, max_bytes=SMALL) as spool:
        assert numbers(rest(spool)) == [*range(1, 9)]
    assert (left / "0.segment").read_text() == (left / "notes.txt").read_text() == "mine"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.one_of(st.binary(max_size=200), st.integers(0, 500)), max_size=4))
def test_no_bytes_on_disk_make_it_fail(contents: list[bytes | int]) -> None:
    """Files of random bytes, and true ones with a flipped byte."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Spool(folder, max_bytes=SMALL) as spool:
            put(spool, *range(9))
        paths = [*segments(folder), folder / "cursor"]
        for path, content in zip(paths, contents, strict=False):
            if isinstance(content, bytes):
                path.write_bytes(content)
            else:
                damage(path, content % path.stat().st_size)
        with Spool(folder, max_bytes=SMALL) as spool:
            put(spool, 9)
            records = rest(spool)
            assert numbers(records)[-1] == 9
            assert set(numbers(records)) <= {*range(10)}


WRITER = """
import sys, threading
from pathlib import Path
from mgcld.audio.spool import Spool
spool = Spool(Path(sys.argv[1]), max_bytes=1 << 28)
def reader():
    while True:
        record = spool.read(1)
        if record is not None and record.begin.records % 3 == 0:
            spool.done(record.end)
            sys.stdout.write(f"done {record.data.decode().rstrip('.')}\\n")
threading.Thread(target=reader, daemon=True).start()
number = int(sys.argv[2])
while True:
    spool.append(str(number).encode().ljust(500, b"."))
    sys.stdout.write(f"appended {number}\\n")
    number += 1
"""


def test_a_kill_loses_nothing_that_was_appended(tmp_path: Path) -> None:
    appended = done = -1
    for seconds in (0.05, 0.1, 0.2, 0.4):
        with Child(WRITER, tmp_path / "mic", str(appended + 1)) as writer:
            said = [writer.line()]
            time.sleep(seconds)
            writer.process.kill()
            writer.wait()
            said += writer.waiting()
        facts = [line.split() for line in said if line.split()[1:]]
        appended = max([appended, *(int(number) for what, number in facts if what == "appended")])
        done = max([done, *(int(number) for what, number in facts if what == "done")])
        with Spool(tmp_path / "mic", max_bytes=1 << 28) as spool:
            left = numbers(rest(spool))
            assert spool.lost == Amount()
        assert left == [*range(left[0], left[-1] + 1)]
        assert left[0] <= done + 4  # the cursor may have moved once more before it could say so
        assert left[-1] in (appended, appended + 1)
        appended = left[-1]


FULL_DISK = """
import logging, resource, sys, time
from pathlib import Path
from mgcld.audio import shelf
from mgcld.audio.spool import Spool
logging.basicConfig(format="%(levelname)s %(message)s", level=logging.INFO, stream=sys.stdout)
shelf.RETRY_SECONDS, shelf.MEMORY_BYTES = 0.2, 5000
spool = Spool(Path(sys.argv[1]), max_bytes=1 << 20)
def put(numbers):
    for number in numbers:
        spool.append(str(number).encode().ljust(1000, b"."))
put(range(3))
resource.setrlimit(resource.RLIMIT_FSIZE, (3500, resource.RLIM_INFINITY))  # no file may grow beyond
put(range(3, 20))
print("lost", spool.lost.records)
time.sleep(0.3)
put(range(20, 23))
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
time.sleep(0.3)
put(range(23, 25))
while (record := spool.read(0)) is not None:
    print("read", record.data.decode().rstrip("."), record.lost.records)
"""


def test_a_disk_that_takes_nothing_for_a_while_costs_what_memory_does_not_hold(tmp_path: Path) -> None:
    """A true limit of the kernel on the size of files, which ends a write in its middle, as a full disk does."""
    with Child(FULL_DISK, tmp_path / "mic") as child:
        assert child.wait() == 0, child.errors
        said = child.waiting()
    logged = [line for line in said if line.startswith(("ERROR", "INFO"))]
    assert [line.split(":")[0] for line in logged] == ["ERROR mic", "INFO mic"]
    assert "memory only" in logged[0] and "again" in logged[1]
    read = [tuple(map(int, line.split()[1:])) for line in said if line.startswith("read")]
    assert [number for number, _ in read] == [0, 1, 2, *range(read[3][0], 25)]
    assert read[3][1] == read[3][0] - 3
    assert "lost 12" in said


def test_the_next_process_reads_what_was_written_after_an_outage(tmp_path: Path) -> None:
    with Child(FULL_DISK, tmp_path / "mic") as child:
        assert child.wait() == 0, child.errors
    with Spool(tmp_path / "mic", max_bytes=1 << 20) as spool:
        assert numbers(rest(spool))[-1] == 24
        assert spool.backlog.records == 25


def test_a_folder_that_is_deleted_under_it_stops_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Spool(tmp_path / "mic", max_bytes=SMALL) as spool, caplog.at_level(logging.ERROR):
        put(spool, 0)
        shutil.rmtree(tmp_path / "mic")
        assert rest(spool) == []
        put(spool, *range(1, 9))
        records = rest(spool)
        assert numbers(records) == [*range(1, 9)]
        assert records[0].lost == spool.lost == Amount(1, 10**9)
        spool.done(records[-1].end)
        assert spool.backlog == Amount()
    assert len(caplog.records) == 1
