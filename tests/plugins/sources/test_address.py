import pytest
from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.sources._address import checked
from mgcld_plugins.sources.rtsp import RtspSource
from mgcld_plugins.sources.stream import StreamSource

from mgcld.errors import ConfigError
from mgcld.redaction import redacted

ANYTHING = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=5)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://camera/stream", "rtsp://camera/stream"),
        ("rtsp://camera:8554/a/b.sdp", "rtsp://camera:8554/a/b.sdp"),
        ("rtsp://user:secret@camera:8554/stream", "rtsp://camera:8554/stream"),
        ("rtsp://user@camera/stream", "rtsp://camera/stream"),
        ("rtsp://us%40er:sec%2Fret@[::1]:554/stream", "rtsp://[::1]:554/stream"),
        ("rtsp://camera/stream?user=admin&password=secret", "rtsp://camera/stream…"),
        ("rtsp://camera/user=admin_password=secret_channel=1_stream=0.sdp", "rtsp://camera/user…"),
        ("rtsps://user:p@ss@camera/x", "rtsps://camera/x"),
        ("rtsp://camera/cam/realmonitor;token=secret", "rtsp://camera/cam/realmonitor…"),
    ],
)
def test_a_shown_address_holds_no_secret(url: str, shown: str) -> None:
    assert redacted(checked(url, "rtsp", "rtsps").geturl()) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://camera/secret",
        "rtsp:///secret",
        "rtsp://camera:secret/x",
        "rtsp://user:sec/ret@camera/x",
        "rtsp://user:12#secret@camera/x",
        "rtsp://user:12?secret@camera/x",
        "rtsp://user:x@sec/ret@camera/x",
        "rtsp://camera:99999/secret",
        "rtsp://[::1/secret",
        "rtsp://user:12 secret@camera/x",
        "rtsp://camera/\u3000secret",
        "rtsp://camera/secret\n",
        "rtsp://cam\0era/secret",
        "secret",
    ],
)
def test_an_address_that_is_not_understood_is_refused_without_being_shown(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        RtspSource.from_address(url)
    assert "sec" not in f"{caught.value}{caught.value.__cause__ or ''}"
    assert caught.value.help


@given(parts=st.lists(ANYTHING, min_size=4, max_size=4))
def test_no_user_and_no_password_of_any_kind_is_ever_shown(parts: list[str]) -> None:
    a, b, c, d = parts
    url = f"rtsp://{a}HIDDEN{b}:{c}HIDDEN{d}@camera.example/live"
    try:
        shown = redacted(checked(url, "rtsp").geturl())
    except ConfigError as error:
        shown = f"{error} {error.help}"
    assert "HIDDEN" not in shown


def test_options_of_an_address() -> None:
    assert RtspSource.from_address("rtsps://camera/x") == {"url": "rtsps://camera/x"}


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf"), 601.0])
def test_a_wait_must_last_and_end(seconds: float) -> None:
    for source, url in ((RtspSource, "rtsp://camera/x"), (StreamSource, "http://radio/x")):
        with pytest.raises(ConfigError, match="timeout_seconds"):
            source(url, timeout_seconds=seconds)
