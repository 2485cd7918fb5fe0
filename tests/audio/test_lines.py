from hypothesis import given
from hypothesis import strategies as st

from mgcld.audio.lines import CHARACTERS, LONGEST_BYTES, Lines

SECRET = "rtsp://eve:1234567890@10.0.0.1/live"


@given(st.lists(st.integers(1, 40), min_size=1, max_size=30))
def test_however_it_is_cut_no_password_shows(sizes: list[int]) -> None:
    text = f"opening {SECRET} now\nfailed {SECRET}: no".encode()
    lines, told, at, step = Lines(), list[str](), 0, 0
    while at < len(text):
        size = sizes[step % len(sizes)]
        told += [*lines.feed(text[at : at + size]), lines.last or ""]
        at, step = at + size, step + 1
    assert "opening rtsp://10.0.0.1/live now" in told
    assert not any("123" in line or "890" in line for line in told)
    assert lines.last == "opening rtsp://10.0.0.1/live now"
    assert lines.feed(b"\n") == ["failed rtsp://10.0.0.1/live: no"]


def test_the_last_words_count_though_their_line_has_no_end() -> None:
    lines = Lines()
    assert lines.feed(b"first\nSegmentation fau") == ["first"]
    assert lines.last == "Segmentation fau"


def test_a_line_without_end_takes_no_room_and_is_passed_over() -> None:
    lines = Lines()
    for _ in range(100):
        assert lines.feed(b"x" * 1000) == []
    assert lines.last is None
    assert lines.feed(b"end\nnext\n") == ["next"]
    assert lines.feed(b"y" * (LONGEST_BYTES + 1) + b"\nlast\n") == ["last"]
    assert lines.last == "last"


def test_long_lines_are_cut_and_empty_ones_are_none() -> None:
    assert Lines().feed(b"\n  \r\n" + b"z" * 1000 + b"\n") == ["z" * CHARACTERS]
