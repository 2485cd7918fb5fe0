import itertools
import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from certificates import certificate
from conftest import RtspServer
from mgcld_plugins.sources.rtsp import RtspSource
from servers.rtp import signal
from servers.rude_rtsp import Peer
from tones import frequency_of, impurity_of

from mgcld.audio.capture import Capture, windows_of
from mgcld.audio.inbox import Inbox
from mgcld.data import AudioBlock, SourceStatus, Window
from mgcld.errors import ConfigError, SourceError

RATE = 8000
FRAME = 160
SOUND = signal(0, 2 * RATE, RATE) / np.float32(32768)
LEVEL = -15.05
"""Of `signal` (dB relative to full scale): a sine of a quarter."""


@pytest.fixture
def peer() -> Iterator[Peer]:
    with Peer() as peer:
        peer.do("speed=0")
        yield peer


def source_of(peer: Peer, **options: object) -> RtspSource:
    return RtspSource(f"rtsp://127.0.0.1:{peer.port}/x", **options)  # type: ignore[arg-type]


def heard(source: RtspSource) -> Iterator[AudioBlock]:
    """Its blocks that hold sound."""
    return (block for block in source.blocks() if len(block.samples))


def all_of(source: RtspSource) -> tuple[np.ndarray, list[AudioBlock]]:
    blocks = list(heard(source))
    return np.concatenate([block.samples for block in blocks]), blocks


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
        ("picture", "tcp", 8000, 440),
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
    block = next(heard(source))
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
    ("status", "reason"), [(401, "auth"), (403, "auth"), (404, "not_found"), (454, "refused"), (503, "refused")]
)
def test_what_the_server_answers_is_the_reason(peer: Peer, status: int, reason: str) -> None:
    peer.do(f"describe={status}")
    assert fault_of(source_of(peer)).reason == reason


@pytest.mark.parametrize("rudeness", ["mute=1", "dumb=1"])
def test_a_server_that_accepts_and_then_sends_nothing_costs_one_timeout(peer: Peer, rudeness: str) -> None:
    peer.do(rudeness)
    began = time.monotonic()
    fault = fault_of(source_of(peer, timeout_seconds=2.5))
    assert fault.reason == "timeout"
    assert 2.4 < time.monotonic() - began < 4.9


def test_a_stream_that_falls_silent_ends_in_a_timeout_and_ticks_until_then(peer: Peer) -> None:
    peer.do(f"at {RATE} stall")
    blocks: list[AudioBlock] = []
    with pytest.raises(SourceError) as caught:
        for block in source_of(peer, timeout_seconds=1.5).blocks():
            blocks.append(block)
    assert caught.value.reason == "timeout"
    assert sum(len(block.samples) for block in blocks) >= RATE
    ticks = [block for block in blocks if not len(block.samples)]
    assert ticks
    assert {(tick.sample_rate, tick.epoch) for tick in ticks} == {(RATE, 0)}


def test_a_stream_without_audio(peer: Peer) -> None:
    peer.do("tracks=video")
    assert fault_of(source_of(peer)).reason == "no_audio"


def test_a_codec_that_nobody_knows(peer: Peer) -> None:
    peer.do("codec=UNKNOWN")
    assert fault_of(source_of(peer)).reason == "codec"


def test_a_server_of_another_kind(peer: Peer) -> None:
    peer.do("greeting=SSH-2.0-OpenSSH_9.2\r\n", "mute=1")
    assert fault_of(source_of(peer, timeout_seconds=1)).reason in ("timeout", "unknown")


def test_only_audio_is_asked_for(peer: Peer) -> None:
    peer.do("tracks=both", f"at {RATE} end")
    samples, _ = all_of(source_of(peer))
    assert len(samples) == RATE
    assert [request.split()[1][-6:] for request in peer.asked if request.startswith("SETUP")] == ["/sound"]


@pytest.mark.parametrize("insist", ["setup", "play"])
def test_a_server_that_gives_sound_only_with_a_picture_is_asked_for_both_and_so_ever_after(
    peer: Peer, insist: str
) -> None:
    peer.do("tracks=both", f"insist={insist}")
    source = source_of(peer)
    for opening in range(2):
        peer.do(f"at {RATE} end")
        samples, _ = all_of(source)
        assert np.array_equal(samples, SOUND[:RATE]), opening
    setups = [request.split()[1].rpartition("/")[2] for request in peer.asked if request.startswith("SETUP")]
    assert setups == ["sound", "picture", "sound", "picture", "sound"]


@pytest.mark.parametrize(("tracks", "setups"), [("all", ["picture", "sound"]), ("audio", ["sound"])])
def test_what_to_ask_for_can_be_said(peer: Peer, tracks: str, setups: list[str]) -> None:
    peer.do("tracks=both", f"at {RATE} end")
    source = source_of(peer, tracks=tracks)
    assert len(all_of(source)[0]) == RATE
    assert [request.split()[1].rpartition("/")[2] for request in peer.asked if "SETUP" in request] == setups
    assert source.chosen == ({"tracks": "all"} if tracks == "all" else {})


def test_what_a_server_gives_sound_with_is_handed_on_to_the_next_process(peer: Peer) -> None:
    peer.do("tracks=both", "insist=setup", f"at {RATE} end")
    source = source_of(peer)
    assert source.chosen == {}
    all_of(source)
    assert source.chosen == {"tracks": "all"}


def test_a_server_that_sends_nothing_for_sound_alone_is_asked_for_all_the_next_time(peer: Peer) -> None:
    peer.do("tracks=both", "dumb=1")
    source = source_of(peer, timeout_seconds=0.5)
    fault_of(source)
    peer.do("dumb=0", f"at {RATE} end")
    assert len(all_of(source)[0]) == RATE
    setups = [request.split()[1].rpartition("/")[2] for request in peer.asked if request.startswith("SETUP")]
    assert setups == ["sound", "picture", "sound"]


def test_a_server_that_only_starts_is_asked_for_no_picture(peer: Peer) -> None:
    peer.do("tracks=both", "mute=1")
    source = source_of(peer, timeout_seconds=0.5)
    assert fault_of(source).reason == "timeout"
    peer.do("mute=0", f"at {RATE} end")
    assert len(all_of(source)[0]) == RATE
    setups = [request.split()[1].rpartition("/")[2] for request in peer.asked if request.startswith("SETUP")]
    assert setups == ["sound"]


def test_samples_arrive_as_they_were_sent(peer: Peer) -> None:
    peer.do(f"at {RATE} end")
    samples, blocks = all_of(source_of(peer))
    assert [block.first_sample for block in blocks] == list(range(0, RATE, FRAME))
    assert np.array_equal(samples, SOUND[:RATE])


@pytest.mark.parametrize(
    ("codec", "rate", "name", "tolerance"),
    [
        ("L16", 44_100, "pcm_s16be", 0.02),
        ("PCMU", 8000, "pcm_mulaw", 0.2),
        ("PCMA", 8000, "pcm_alaw", 0.2),
        ("G726-16", 8000, "g726le", 0.5),
        ("G726-24", 8000, "g726le", 0.2),
        ("G726-32", 8000, "g726le", 0.2),
        ("G726-40", 8000, "g726le", 0.2),
        ("AAC", 16_000, "aac", 0.2),
        ("AAC", 48_000, "aac", 0.2),
        ("OPUS", 48_000, "opus", 0.2),
    ],
)
def test_a_tone_of_any_codec_of_cameras_is_heard_at_its_frequency_and_level(
    peer: Peer, codec: str, rate: int, name: str, tolerance: float
) -> None:
    peer.do(f"codec={codec}", f"rate={rate}")
    source = source_of(peer)
    windows = windows_of(source, name="camera", sample_rate=16_000, window_seconds=1, hop_seconds=1)
    _, window = itertools.islice(windows, 2)
    windows.close()  # type: ignore[attr-defined]
    assert frequency_of(window.samples, 16_000) == pytest.approx(1000, abs=1)
    assert window.level_dbfs == pytest.approx(LEVEL, abs=tolerance)
    assert window.gap_samples == 0
    assert source.facts["codec"] == name
    assert source.facts["sample_rate"] == rate
    assert source.facts["transport"] == "tcp"


def test_another_codec_and_rate_after_a_reconnect_are_heard_as_they_are(peer: Peer) -> None:
    source = source_of(peer)
    told = []
    for codec, rate in (("PCMU", 8000), ("L16", 48_000)):
        peer.do(f"codec={codec}", f"rate={rate}", f"at {rate} end")
        samples, blocks = all_of(source)
        told.append((blocks[0].sample_rate, source.facts["codec"], round(frequency_of(samples, rate))))
    assert told == [(8000, "pcm_mulaw", 1000), (48_000, "pcm_s16be", 1000)]


def test_packets_that_are_lost_are_a_gap_of_their_size(peer: Peer) -> None:
    peer.do(f"at {10 * FRAME} drop 5", f"at {25 * FRAME} drop 1", f"at {RATE} end")
    _, blocks = all_of(source_of(peer))
    jumps = [(b.first_sample, b.first_sample - a.first_sample - FRAME) for a, b in itertools.pairwise(blocks)]
    assert [jump for jump in jumps if jump[1]] == [(15 * FRAME, 5 * FRAME), (26 * FRAME, FRAME)]
    assert {block.epoch for block in blocks} == {0}
    for block in blocks:
        assert np.array_equal(block.samples, SOUND[block.first_sample : block.first_sample + FRAME])


def test_a_sender_that_starts_its_clock_anew_is_a_new_epoch(peer: Peer) -> None:
    peer.do(f"at {25 * FRAME} restamp 1000000000", f"at {RATE} end")
    _, blocks = all_of(source_of(peer))
    assert [(block.epoch, block.first_sample) for block in blocks[24:26]] == [(0, 24 * FRAME), (1, 0)]


@pytest.mark.parametrize("way", ["fin", "rst"])
def test_a_connection_that_breaks_within_a_packet_makes_no_noise(peer: Peer, way: str) -> None:
    peer.do("speed=4", f"at {20 * FRAME} {way}")
    blocks = heard(source_of(peer))
    samples = np.concatenate([next(blocks).samples for _ in range(19)])
    with pytest.raises(SourceError) as caught:
        samples = np.concatenate([samples, *(block.samples for block in blocks)])
    assert caught.value.reason == "ended"
    assert np.array_equal(samples, SOUND[: len(samples)])


@pytest.mark.parametrize("auth", ["basic", "digest"])
def test_user_and_password_reach_the_server_and_nobody_else(
    peer: Peer, auth: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    password = "pa/ss:w@rd %41?"
    file = tmp_path / "password"
    file.write_text(f"{password}\n")
    monkeypatch.setenv("CAMERA", password)
    peer.do(f"password=us@er:{password}", f"auth={auth}")
    address = f"127.0.0.1:{peer.port}/x"
    sources = [
        RtspSource(f"rtsp://us%40er:pa%2Fss%3Aw%40rd%20%2541%3F@{address}"),
        RtspSource(f"rtsp://us%40er@{address}", password_file=file),
        RtspSource(f"rtsp://{address}", user="us@er", password_env="CAMERA"),
    ]
    with caplog.at_level(logging.DEBUG):
        for source in sources:
            peer.do(f"at {RATE} end")
            assert len(all_of(source)[0]) == RATE
        fault = fault_of(RtspSource(f"rtsp://us%40er:SECRET@{address}"))
    assert fault.reason == "auth"
    told = "".join(traceback.format_exception(fault)) + fault.help + caplog.text
    for secret in ("SECRET", "pa%2Fss", password, "us%40er"):
        assert secret not in told


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        ({"url": "rtsp://user@h/x", "user": "other"}, "another one"),
        ({"url": "rtsp://user:x@h/x", "password_env": "CAMERA"}, "another one"),
        ({"url": "rtsp://h/x", "password_env": "CAMERA"}, "nobody whose it is"),
        ({"url": "rtsp://h/x", "user": "u", "password_env": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE"),
        ({"url": "rtsp://h/x", "user": "u", "password_file": Path("/no/such/file")}, "/no/such/file"),
        ({"url": "rtsp://h/x", "user": "u", "password_file": Path("/x"), "password_env": "CAMERA"}, "both"),
        ({"url": "rtsp://h/x", "user": "u" * 200}, "too long"),
        ({"url": "rtsps://h/x", "ca_file": Path("/no/such/file")}, "/no/such/file"),
        ({"url": "rtsps://h/x", "ca_file": Path(__file__)}, "no certificates"),
    ],
)
def test_credentials_that_make_no_sense_are_told_before_anything_is_opened(
    options: dict[str, object], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CAMERA", "x")
    with pytest.raises(ConfigError, match=wrong) as caught:
        RtspSource(**options)  # type: ignore[arg-type]
    assert caught.value.help


@pytest.mark.system("openssl")
def test_a_camera_with_tls_and_a_certificate_of_its_own(tmp_path: Path) -> None:
    ours = certificate(tmp_path)
    with Peer() as peer:
        peer.do("speed=0", f"tls {ours.public} {ours.key}")
        address = f"rtsps://127.0.0.1:{peer.port}/x"
        fault = fault_of(RtspSource(address))
        assert (fault.reason, "not trusted" in str(fault)) == ("tls", True)
        for options in ({"verify": False}, {"ca_file": ours.public}):
            peer.do(f"at {RATE} end")
            samples, _ = all_of(RtspSource(address, **options))  # type: ignore[arg-type]
            assert np.array_equal(samples, SOUND[:RATE])


@pytest.mark.system("openssl")
def test_a_certificate_of_another_host_is_not_trusted(tmp_path: Path) -> None:
    other = certificate(tmp_path, name="camera.example")
    with Peer() as peer:
        peer.do(f"tls {other.public} {other.key}")
        fault = fault_of(RtspSource(f"rtsps://127.0.0.1:{peer.port}/x", ca_file=other.public))
    assert fault.reason == "tls"


def test_tls_where_there_is_none(peer: Peer) -> None:
    fault = fault_of(RtspSource(f"rtsps://127.0.0.1:{peer.port}/x", verify=False, timeout_seconds=1))
    assert fault.reason in ("tls", "timeout")


def test_ffmpeg_keeps_quiet(peer: Peer, capfd: pytest.CaptureFixture[str]) -> None:
    peer.do(f"at {10 * FRAME} drop 5", f"at {RATE} end")
    all_of(source_of(peer))
    fault_of(RtspSource("rtsp://user:SECRET@no-such-host.invalid/x"))
    assert capfd.readouterr() == ("", "")


def test_a_source_that_was_left_lets_go_of_its_socket(peer: Peer) -> None:
    before = open_files()
    for _ in range(3):
        blocks = source_of(peer, timeout_seconds=2).blocks()
        next(blocks)
        blocks.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 10
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.05)  # the peer's side closes a moment later
    assert open_files() <= before


def test_a_source_that_was_left_while_it_waits_ends_at_its_timeout(peer: Peer) -> None:
    peer.do("mute=1")
    before = open_files()
    blocks = source_of(peer, timeout_seconds=2).blocks()
    assert not len(next(blocks).samples)
    began = time.monotonic()
    blocks.close()  # type: ignore[attr-defined]
    assert time.monotonic() - began < 1.9
    deadline = time.monotonic() + 10
    while open_files() > before and time.monotonic() < deadline:
        time.sleep(0.05)
    assert open_files() <= before


def test_time_is_that_of_arrival_until_the_sender_tells_its_own(peer: Peer) -> None:
    peer.do("speed=1", "report_after=0.4", "report_every=5", "ntp_offset=-0.25", f"at {RATE} end")
    before = time.time_ns()
    source = source_of(peer)
    _, blocks = all_of(source)
    assert [block.clock for block in blocks] == ["arrival"] * 20 + ["rtcp"] * 30
    told = blocks[20:]
    heard_ns = [block.captured_ns - told[0].captured_ns for block in told]
    assert heard_ns == pytest.approx([20e6 * index for index in range(30)], abs=2000)
    assert told[0].captured_ns - before == pytest.approx(150e6, abs=400e6)
    assert told[0].captured_ns < blocks[19].captured_ns + 20e6
    assert 50e6 <= told[0].clock_uncertainty_ns < 1e9
    assert -1.0 < source.facts["sender_clock_offset_seconds"] < -0.24


def test_the_drift_of_a_senders_samples_shows_in_its_reports(peer: Peer) -> None:
    peer.do("report_every=0.5", "drift=20000", f"at {2 * RATE} end")
    _, blocks = all_of(source_of(peer))
    passed = (blocks[-1].captured_ns - blocks[0].captured_ns) / 1e9
    assert passed == pytest.approx(blocks[-1].first_sample / RATE / 1.02, abs=0.011)  # of the last half second


@pytest.mark.parametrize(("ahead", "clock"), [(-3600.0, "arrival"), (5.0, "rtcp"), (30.0, "arrival")])
def test_a_sender_whose_clock_is_far_from_ours_is_not_believed(
    peer: Peer, ahead: float, clock: str, caplog: pytest.LogCaptureFixture
) -> None:
    peer.do("report_every=0.5", f"ntp_offset={ahead}", f"at {2 * RATE} end")
    source = source_of(peer)
    _, blocks = all_of(source)
    assert {block.clock for block in blocks} == {clock}
    assert source.facts["sender_clock_offset_seconds"] == pytest.approx(ahead, abs=2)
    assert len([text for text in caplog.messages if "the sender's clock" in text]) == (clock == "arrival")
    if clock == "rtcp":
        assert blocks[0].clock_uncertainty_ns > 3e9  # nothing is heard before it sounds


def test_after_a_new_start_of_the_senders_axis_its_old_word_on_the_time_is_forgotten(peer: Peer) -> None:
    peer.do("report_every=3600", f"at {25 * FRAME} restamp 1000000000", f"at {RATE} end")
    _, blocks = all_of(source_of(peer))
    assert [block.clock for block in blocks] == ["rtcp"] * 25 + ["arrival"] * 25
