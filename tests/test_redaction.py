import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mgcld.redaction import redacted

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=0x2FF, exclude_categories=("Z", "C")), max_size=8)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("rtsp://user:secret@camera:8554/stream: Connection refused", "rtsp://camera:8554/stream: Connection refused"),
        ("open('rtsp://user@[::1]:554/a') failed", "open('rtsp://[::1]:554/a') failed"),
        ("see rtsp://camera/stream?user=admin&password=secret, then", "see rtsp://camera/stream…, then"),
        ("rtsp://camera/user=admin_password=secret_channel=1.sdp", "rtsp://camera/user…"),
        ("rtsp://camera/user%3Dadmin_password%3Dsecret", "rtsp://camera/user…"),
        ("http://camera/cam;token=secret and tcp://h:1/x#secret", "http://camera/cam… and tcp://h:1/x…"),
        ('{"url":"rtsp:\\/\\/user:secret@camera\\/x"}', '{"url":"rtsp:\\/\\/camera\\/x"}'),
        ("http://a:secret@one/x\nhttp://b:secret@two/y", "http://one/x\nhttp://two/y"),
        ("first http://a:secret@one/x then http://b:secret@two/y", "first http://one/x then http://two/y"),
        ("rtsp://user:p@secret@camera/x", "rtsp://camera/x"),
        ("xrtsp://user:p=secret;@camera/x", "xrtsp://camera/x"),
    ],
)
def test_of_an_address_only_scheme_host_port_and_path_are_shown(text: str, shown: str) -> None:
    assert redacted(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "rtsp://user:p/secret@camera/x",
        "rtsp://user:p?secret@camera/x",
        "rtsp://user:p#secret@camera/x",
        "rtsp://user:12/x@secret@camera/x",
        "rtsp://user:p secret@camera/x",
        "rtsp://user:12 secret@camera/x",
        "rtsp://us er:secret@camera/x",
        "rtsp://user:secret",  # cut off by whoever wrote it
        "http://camera/x?token=a@secret",
        "http://camera/x=a@secret/y",
        "http://a:b@one/x,http://secret:secret@two/y",
    ],
)
def test_where_nobody_knows_what_is_host_and_what_is_password_nothing_is_shown(text: str) -> None:
    shown = redacted(f"cannot open {text}")
    assert "secret" not in shown
    assert shown.startswith(f"cannot open {text.partition('//')[0]}//…")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12:30 // a/b@c, 50 % of x=y; mail me@example.org?",
        "bound tcp://127.0.0.1:5765 and ipc:///run/mgcld/bus.sock",
        "ipc://@mgcld",
        "(see http://example.org/a/b.html, or https://[::1]:8443/)",
        "rtsp://camera:554: Connection refused",
        "['tcp://a:1', 'tcp://b:2']",
        "one\r\ntwo\x00\ufeff\ud800",
    ],
)
def test_a_text_without_secrets_stays_as_it_is(text: str) -> None:
    assert redacted(text) == text


@given(parts=st.lists(WORDS, min_size=6, max_size=6), joint=st.sampled_from(["/", "", "/p?", "/p?k=", "/a=", "#"]))
def test_no_user_password_or_query_of_any_kind_survives(parts: list[str], joint: str) -> None:
    a, b, c, d, e, f = parts
    address = f"rtsp://{a}HIDDEN{b}:{c}HIDDEN{d}@camera.example"
    assert "HIDDEN" not in redacted(f"{e} {address}/{f}\n{f}")
    tail = "" if joint in ("", "/") else f"{joint}{e}HIDDEN{f}"
    assert "HIDDEN" not in redacted(f"'{address}{tail}'")


@given(text=st.text(st.sampled_from(":/@?#=; a1\\\"'\n[]…")))
def test_what_was_redacted_stays_so(text: str) -> None:
    assert redacted(redacted(text)) == redacted(text)


@given(text=st.text())
def test_a_text_without_addresses_stays_as_it_is(text: str) -> None:
    text = text.replace("/", "|")
    assert redacted(text) == text


@pytest.mark.parametrize("piece", ["://", "a", "a:b", "://a:b ", "://a@", "@", "http://h/?", "://[", ":\\", "://a:1:"])
def test_hostile_text_takes_no_longer_than_any_other(piece: str) -> None:
    text = piece * (1_000_000 // len(piece))
    began = time.process_time()
    redacted(text + "://x:y")
    redacted(text + "@")
    assert time.process_time() - began < 10  # a second or less; squared, it would be hours
