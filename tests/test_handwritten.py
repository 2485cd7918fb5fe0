"""YAML of people and of mischief: read, or refused by its line, in little time and memory."""

import os
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from mgcld import handwritten
from mgcld.config import load_config
from mgcld.errors import ConfigError
from mgcld.handwritten import NotReadable, parse_yaml, read_yaml

SECONDS = 20.0
"""Far from endless, on the busiest machine."""


def test_anchors_merges_and_marks_of_order_are_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfbase: &base {x: 1, y: [1, 2]}\nmore: {<<: *base, x: 2}\nand: *base\n")
    base = {"x": 1, "y": [1, 2]}
    assert read_yaml(tmp_path / "a") == {"base": base, "more": {**base, "x": 2}, "and": base}


LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}\n" for i in range(1, 60))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 5000))
MISCHIEF: dict[str, tuple[str, str]] = {
    "a billion laughs": (LAUGHS, "aliases make it larger"),
    "merges that double": (MERGES, "aliases make it larger"),
    "a chain of aliases": (CHAIN, "aliases make it larger"),
    "a list within itself": ("&a [*a]", "line 1, column 5: an alias stands within what it stands for"),
    "a mapping within itself": ("&a {b: [*a]}", "an alias stands within"),
    "deep lists": ("[" * 500_000, "nested more than 32 deep"),
    "deep mappings": ("{a: " * 100_000, "nested more than 32 deep"),
    "deep blocks": ("".join(" " * i + f"k{i}:\n" for i in range(2000)), "nested more than 32 deep"),
    "deep lists of blocks": ("- " * 100_000, "nested more than 32 deep"),
    "a number without end": ("x: " + "9" * 5000, "a number has more than 64 digits"),
    "a number to the base of sixty": ("x: " + "1:1" + ":1" * 200_000, "a number has more than 64 digits"),
    "an object": ("x: !!python/object/apply:os.system [touch owned]", "use no tags"),
    "a name of Python's": ("x: !!python/name:os.system", "use no tags"),
    "a day that never was": ("x: 2001-99-99", "a value cannot be read as what it is written as"),
    "a whole number that is none": ("x: !!int text", "a value cannot be read as what it is written as"),
    "no yes and no no": ("x: !!bool perhaps", "a value cannot be read as what it is written as"),
    "no time": ("x: !!timestamp soon", "a value cannot be read as what it is written as"),
    "a key twice": ("a: 1\nb: 2\na: 3", "line 3, column 1: 'a' stands twice"),
    "a control": ("a: \x07", "a sign that YAML does not allow"),
    "two documents": ("a\n---\nb", "line 2"),
}


@pytest.mark.parametrize("kind", MISCHIEF)
def test_mischief_is_refused_soon_and_by_name(kind: str, tmp_path: Path) -> None:
    text, said = MISCHIEF[kind]
    began = time.monotonic()
    with pytest.raises(NotReadable, match=said) as caught:
        parse_yaml(text)
    assert time.monotonic() - began < SECONDS
    assert "\n" not in str(caught.value)
    path = tmp_path / "mgcld.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"mgcld\.yaml is not YAML"):
        load_config(path, {})


@pytest.mark.parametrize(
    "line",
    ["password: *s3cret", "password: &s3cret", "password: !s3cret x", 'password: "s3cret', "password: !!int s3cret"],
)
def test_what_may_be_a_password_is_not_in_the_error(line: str) -> None:
    try:
        parse_yaml(f"user: me\n{line}\n")
    except NotReadable as error:
        assert "s3cret" not in str(error)
        assert "s3cret" not in repr(error.__cause__)


def test_a_file_beyond_the_limit_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(100_000_000)
    for path in (tmp_path / "large", Path("/dev/zero")):
        with pytest.raises(NotReadable, match=r"longer than 0\.1 MB"):
            read_yaml(path, 100_000)
        with pytest.raises(ConfigError, match="longer than 1 MB"):
            load_config(path, {})


def test_a_pipe_is_read_and_not_waited_for_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("a: 1\n",))
    writer.start()
    assert read_yaml(pipe) == {"a": 1}
    writer.join()
    monkeypatch.setattr(handwritten, "PATIENCE_SECONDS", 0.3)
    with pytest.raises(NotReadable, match=r"did not come within 0\.3 s"):
        read_yaml(pipe)


def test_what_cannot_be_opened_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_yaml(tmp_path / "absent")
    with pytest.raises(IsADirectoryError):
        read_yaml(tmp_path)
    (tmp_path / "latin").write_bytes(b"name: K\xfcche")
    with pytest.raises(NotReadable, match="byte 7 is not UTF-8"):
        read_yaml(tmp_path / "latin")


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=15,
)


@given(PLAIN)
def test_what_was_written_is_read_as_before(value: Any) -> None:
    assert parse_yaml(yaml.safe_dump(value)) == value


@given(st.text(alphabet=st.sampled_from("ab01:-[]{}&*!|>%@?,#'\"\n .<~_"), max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        parse_yaml(text)
    except NotReadable as error:
        assert "\n" not in str(error)
