"""A file that is replaced is seen once, whatever happens in between."""

import os
from pathlib import Path

from mgcld.service.change.following import Following, mark


def test_a_rename_into_its_place_is_seen_once(tmp_path: Path) -> None:
    path = tmp_path / "adapter"
    path.write_text("one")
    following = Following(path, mark(path))
    assert not following.changed()
    (tmp_path / "beside").write_text("two")
    (tmp_path / "beside").rename(path)
    assert following.changed()
    assert not following.changed()


def test_the_same_size_and_time_in_another_file_is_a_change_too(tmp_path: Path) -> None:
    path, beside = tmp_path / "adapter", tmp_path / "beside"
    path.write_text("one")
    following = Following(path, mark(path))
    beside.write_text("two")
    times = path.stat()
    os.utime(beside, ns=(times.st_atime_ns, times.st_mtime_ns))
    beside.rename(path)
    assert following.changed()


def test_absence_is_no_change_and_a_return_is_one(tmp_path: Path) -> None:
    path = tmp_path / "adapter"
    following = Following(path, mark(path))
    assert not following.changed()
    path.write_text("one")
    assert following.changed()
    path.unlink()
    assert not following.changed()
    path.write_text("another")
    assert following.changed()


def test_one_that_comes_while_the_first_is_read_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "adapter"
    path.write_text("one")
    before = mark(path)
    path.read_text()
    (tmp_path / "beside").write_text("two")
    (tmp_path / "beside").rename(path)
    assert Following(path, before).changed()


def test_a_link_that_leads_elsewhere_is_a_change_and_so_is_a_change_behind_it(tmp_path: Path) -> None:
    path = tmp_path / "adapter"
    for name in ("one", "two", "three"):
        (tmp_path / name).write_text(name)
    path.symlink_to("one")
    following = Following(path, mark(path))
    (tmp_path / "beside").symlink_to("two")
    (tmp_path / "beside").rename(path)
    assert following.changed()
    (tmp_path / "three").rename(tmp_path / "two")
    assert following.changed()
    assert not following.changed()
