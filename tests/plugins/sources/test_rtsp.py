import base64
import itertools
import logging
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import RtspServer
from mgcld_plugins.sources.rtsp import RtspSource
from rtsp_peer import FRAME, RATE, UNKNOWN_CODEC, VIDEO, Peer, packet, packets
from tones import frequency_of, impurity_of, tone

from mgcld.audio.capture import Capture, windows_of
from mgcld.audio.inbox import Inbox
from mgcld.data import AudioBlock, SourceStatus, Window
from mgcld.errors import SourceError

SECOND = tone(500, 1, RATE)


def blocks_of(peer: Peer, **options: object) -> list[AudioBlock]:
    return list(RtspSource(f"rtsp://127.0.0.1:{peer.port}/live", **options).blocks())  # type: ignore[arg-type]


def fault_of(source: RtspSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(itertools.islice(source.blocks(), 1000))
    assert caught.value.help
    return caught.value


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def taken(inbox: Inbox, enough: Callable[[Window], bool]) -> list[Window]:
    """Every window up to the one that is enough."""
    windows: list[Window] = []
    deadline = time.monotonic() + 40
    while not windows or not enough(windows[-1]):
        assert time.monotonic() < deadline, windows
        windows += inbox.take(1, 0.2)
    return windows


@pytest.mark.system("rtsp-server")
@pytest.mark.parametrize(
    ("path", "transport", "native", "frequency"),
    [
        ("alaw", "tcp", 8000, 440),
        ("l16", "tcp", 48_000, 1000),
        ("opus", "tcp", 48_000, 1000),
        ("alaw", "udp", 8000, 440),
    ],
)
def test_a_tone_is_heard_at_its_frequency_and_level(
    rtsp_server: RtspServer, path: str, transport: str, native: int, frequency: float
) -> None:
    source = RtspSource(rtsp_server.url(path), transport=transport)  # type: ignore[arg-type]
    before = time.time_ns()
    windows = windows_of(source, name="camera", sample_rate=16_000, window_seconds=1, hop_seconds=0.5)
    first, second, *_ = itertools.islice(windows, 2)
    windows.close()  # type: ignore[attr-defined]
    assert frequency_of(second.samples, 16_000) == pytest.approx(frequency, abs=1)
    assert second.level_dbfs == pytest.approx(-9.03, abs=0.2)
    assert (first.gap_samples, second.gap_samples, second.first_sample) == (0, 0, 8000)
    assert before - second.clock_uncertainty_ns < first.start_ns < time.time_ns()
    assert first.clock == "arrival"
    block = next(source.blocks())
    assert (block.sample_rate, block.first_sample, block.samples.dtype, block.samples.ndim) == (
        native,
        0,
        np.float32,
        1,
    )


@pytest.mark.system("rtsp-server")
def test_when_the_server_dies_and_returns_windows_resume_as_a_new_epoch(rtsp_server: RtspServer) -> None:
    inbox, told = Inbox(100), list[SourceStatus]()
    capture = Capture(
        "camera",
        RtspSource(rtsp_server.url("alaw")),
        sample_rate=16_000,
        window_seconds=0.5,
        hop_seconds=0.25,
        inbox=inbox,
        on_status=told.append,
    )
    capture.start()
    try:
        before = taken(inbox, lambda window: window.first_sample >= 8000)
        rtsp_server.kill()
        rtsp_server.start()
        after = taken(inbox, lambda window: window.epoch > 0 and window.first_sample >= 8000)
    finally:
        capture.stop()
        assert capture.join(10)
    windows = before + after
    assert [window.gap_samples for window in windows if window.first_sample == 0] == [0, None]
    for window in windows:
        # The first samples of an opening ring in the filter; a splice would show in any other place.
        inner = window.samples[500:] if window.first_sample == 0 else window.samples
        assert impurity_of(inner, 16_000, 440) < 0.02
    states = [status.state for status in told]
    assert states[:3] == ["connecting", "live", "lost"]
    assert states[-2:] == ["connecting", "live"]
    assert next(status.reason for status in told if status.state == "lost") in ("ended", "timeout")


@pytest.mark.system("rtsp-server")
def test_a_path_that_the_server_does_not_know(rtsp_server: RtspServer) -> None:
    fault = fault_of(RtspSource(rtsp_server.url("wrong")))
    assert fault.reason == "not_found"
    assert "404" in str(fault)


def test_a_port_where_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    fault = fault_of(RtspSource(f"rtsp://127.0.0.1:{port}/x"))
    assert (fault.reason, str(fault)) == ("refused", f"rtsp://127.0.0.1:{port}/x: Connection refused")


def test_a_host_that_nobody_knows() -> None:
    assert fault_of(RtspSource("rtsp://no-such-host.invalid/x")).reason == "dns"


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        ("401 Unauthorized", "auth"),
        ("403 Forbidden", "auth"),
        ("404 Not Found", "not_found"),
        ("503 Service Unavailable", "refused"),
    ],
)
def test_what_the_server_answers_is_the_reason(status: str, reason: str) -> None:
    with Peer(describe=status) as peer:
        assert fault_of(RtspSource(f"rtsp://127.0.0.1:{peer.port}/x")).reason == reason


def test_a_server_that_accepts_and_stays_silent_ends_in_a_timeout() -> None:
    with Peer(mute=True) as peer:
        began = time.monotonic()
        fault = fault_of(RtspSource(f"rtsp://127.0.0.1:{peer.port}/x", timeout_seconds=0.5))
        assert fault.reason == "timeout"
        assert time.monotonic() - began < 5


def test_a_stream_that_falls_silent_ends_in_a_timeout() -> None:
    with Peer(packets=packets(SECOND), stall=True) as peer:
        source = RtspSource(f"rtsp://127.0.0.1:{peer.port}/x", timeout_seconds=0.5)
        heard = source.blocks()
        assert sum(len(next(heard).samples) for _ in range(50)) == RATE
        with pytest.raises(SourceError) as caught:
            next(heard)
    assert caught.value.reason == "timeout"


def test_a_stream_without_audio() -> None:
    with Peer(media=VIDEO) as peer:
        assert fault_of(RtspSource(f"rtsp://127.0.0.1:{peer.port}/x")).reason == "no_audio"


def test_a_codec_that_nobody_knows() -> None:
    with Peer(media=UNKNOWN_CODEC, packets=packets(SECOND), stall=True) as peer:
        assert fault_of(RtspSource(f"rtsp://127.0.0.1:{peer.port}/x", timeout_seconds=1)).reason == "decode"


def test_a_server_of_another_kind() -> None:
    with Peer(greeting=b"SSH-2.0-OpenSSH_9.2\r\n", mute=True) as peer:
        assert fault_of(RtspSource(f"rtsp://127.0.0.1:{peer.port}/x", timeout_seconds=1)).reason in (
            "timeout",
            "unknown",
        )


def test_only_audio_is_asked_for() -> None:
    both = (
        VIDEO.replace("control:track", "control:picture")
        + "m=audio 0 RTP/AVP 96\r\na=rtpmap:96 L16/8000/1\r\na=control:sound\r\n"
    )
    with Peer(media=both, packets=packets(SECOND)) as peer:
        assert sum(len(block.samples) for block in blocks_of(peer)) == RATE
        (setup,) = [request for request in peer.asked if request.startswith("SETUP")]
    assert "/sound " in setup


def test_samples_arrive_as_they_were_sent() -> None:
    with Peer(packets=packets(SECOND)) as peer:
        blocks = blocks_of(peer)
    assert [block.first_sample for block in blocks] == list(range(0, RATE, FRAME))
    assert np.array_equal(np.concatenate([block.samples for block in blocks]), np.round(SECOND * 32768) / 32768)


def test_packets_that_are_lost_are_a_gap_of_their_size() -> None:
    sent = packets(SECOND)
    del sent[10:15], sent[20]
    with Peer(packets=sent) as peer:
        blocks = blocks_of(peer)
    jumps = [(b.first_sample, b.first_sample - a.first_sample - FRAME) for a, b in itertools.pairwise(blocks)]
    assert [jump for jump in jumps if jump[1]] == [(15 * FRAME, 5 * FRAME), (26 * FRAME, FRAME)]
    assert {block.epoch for block in blocks} == {0}
    for block in blocks:
        sound = np.round(SECOND * 32768) / 32768
        assert np.array_equal(block.samples, sound[block.first_sample : block.first_sample + FRAME])


def test_a_sender_that_starts_its_clock_anew_is_a_new_epoch() -> None:
    half = len(SECOND) // 2
    sent = packets(SECOND[:half]) + packets(SECOND[half:], [10**9 + i * FRAME for i in range(25)], first_sequence=25)
    with Peer(packets=sent) as peer:
        blocks = blocks_of(peer)
    assert [(block.epoch, block.first_sample) for block in blocks[24:26]] == [(0, 24 * FRAME), (1, 0)]


def test_a_connection_that_breaks_within_a_packet_makes_no_noise() -> None:
    sent = packets(SECOND)
    with Peer(packets=[*sent[:20], packet(20, 20 * FRAME, SECOND[:FRAME])[:101]]) as peer:
        heard = RtspSource(f"rtsp://127.0.0.1:{peer.port}/x").blocks()
        samples = np.concatenate([next(heard).samples for _ in range(20)])
        with pytest.raises(SourceError) as caught:
            next(heard)
    assert caught.value.reason == "ended"
    assert np.array_equal(samples, np.round(SECOND[: 20 * FRAME] * 32768) / 32768)


def test_user_and_password_reach_the_server_and_nobody_else(caplog: pytest.LogCaptureFixture) -> None:
    wanted = "Basic " + base64.b64encode(b"us@er:pa/ss:word").decode()
    with caplog.at_level(logging.DEBUG), Peer(password=wanted, packets=packets(SECOND)) as peer:
        right = RtspSource(f"rtsp://us%40er:pa%2Fss%3Aword@127.0.0.1:{peer.port}/x")
        assert sum(len(block.samples) for block in right.blocks()) == RATE
        fault = fault_of(RtspSource(f"rtsp://us%40er:SECRET@127.0.0.1:{peer.port}/x"))
    assert fault.reason == "auth"
    told = "".join(traceback.format_exception(fault)) + fault.help + caplog.text
    assert "SECRET" not in told
    assert "pa%2Fss" not in told


def test_ffmpeg_keeps_quiet(capfd: pytest.CaptureFixture[str]) -> None:
    sent = packets(SECOND)
    del sent[10:15]
    with Peer(packets=sent) as peer:
        blocks_of(peer)
    fault_of(RtspSource("rtsp://user:SECRET@no-such-host.invalid/x"))
    assert capfd.readouterr() == ("", "")


def test_a_source_that_was_left_lets_go_of_its_socket() -> None:
    with Peer(packets=packets(SECOND), stall=True) as peer:
        before = open_files()
        for _ in range(3):
            blocks = RtspSource(f"rtsp://127.0.0.1:{peer.port}/x").blocks()
            next(blocks)
            blocks.close()  # type: ignore[attr-defined]
        deadline = time.monotonic() + 10
        while open_files() > before and time.monotonic() < deadline:
            time.sleep(0.05)  # the peer's side closes a moment later
        assert open_files() <= before
