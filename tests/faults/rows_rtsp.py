"""Faults of a camera and of the way to it."""

import signal
import time
from pathlib import Path

from cameras import RTSP, DistantPeer, camera, real_camera, url
from expected import RATE, Resampled, exact, exact_or_zero, loudest
from playbill import row
from servers.rude_rtsp import Peer
from stage import RECOVERY_PROMISE, SLOW_PROMISE, STALL_PROMISE, Result, Stage

from mgcld.audio.troubles import SILENT
from mgcld.data import Window


def lasting_fault(
    folder: Path, begins: str, ends: str, seconds: float, reason: str, recovery: float = RECOVERY_PROMISE
) -> Result:
    """The connection ends, the next ones meet a fault, which is mended after so many seconds."""
    with camera(folder) as (peer, stage):
        stage.steady()
        stage.breaks()
        peer.do(begins, "end")
        stage.detects("ended", reason, within=2)
        stage.names(reason, 20)
        time.sleep(max(0.0, seconds - stage.age))
        asked = sum(request.startswith("DESCRIBE") for request in list(peer.asked)) - 1
        assert recovery == RECOVERY_PROMISE or asked <= 2, f"{asked} times in {seconds} s"
        peer.do(ends)
        stage.mends()
        stage.recovers(recovery)
        stage.ends_well()
        return stage.result


def short_fault(folder: Path, action: str, reason: str, within: float) -> Result:
    """One connection breaks; the next one is well at once."""
    with camera(folder) as (peer, stage):
        stage.steady()
        stage.breaks()
        peer.do(action)
        stage.detects(reason, within=within)
        stage.recovers(within + 5)
        stage.ends_well()
        return stage.result


@row(40)
def accept_then_silence(folder: Path) -> Result:
    """Accepts, then says nothing."""
    return lasting_fault(folder, "mute=1", "mute=0", 20, "timeout")


@row(40)
def play_then_silence(folder: Path) -> Result:
    """Answers everything, but no sound comes."""
    return lasting_fault(folder, "dumb=1", "dumb=0", 20, "timeout")


@row(20)
def stall_mid_stream(folder: Path) -> Result:
    """Stall in the middle of the stream."""
    return short_fault(folder, "stall", "timeout", STALL_PROMISE)


@row(10)
def reset_mid_frame(folder: Path) -> Result:
    """RST within a packet."""
    return short_fault(folder, "rst", "ended", 2)


@row(10)
def closed_mid_frame(folder: Path) -> Result:
    """FIN within a packet."""
    return short_fault(folder, "fin", "ended", 2)


@row(16)
def short_pause(folder: Path) -> Result:
    """Pause of 6 s, then all at once."""
    with camera(folder) as (peer, stage):
        stage.steady()
        peer.do("stall")
        time.sleep(6)
        peer.do("resume")
        stage.ends_well()
        assert stage.difficult.is_undisturbed(), stage.difficult.states
        return stage.result


@row(12)
def packets_lost(folder: Path) -> Result:
    """25 packets lost."""
    with camera(folder) as (peer, stage):
        stage.steady()
        peer.do("drop 25")
        stage.until(lambda: any(cut.gap for cut in stage.difficult.cuts))
        gaps = [cut.gap for cut in stage.difficult.cuts if cut.gap]
        assert gaps == [25 * RATE // 50], gaps
        stage.ends_well()
        return stage.result


@row(45)
def trickle(folder: Path) -> Result:
    """Trickle at 5 %."""
    with camera(folder) as (peer, stage):
        stage.steady()
        stage.breaks()
        peer.do("speed=0.05")
        stage.detects("slow", within=SLOW_PROMISE)
        peer.do("speed=1")
        stage.mends()
        stage.recovers()
        stage.ends_well()
        return stage.result


@row(85)
def unauthorised(folder: Path) -> Result:
    """401: wrong password; asked again after a minute."""
    return lasting_fault(folder, "describe=401", "describe=200", 20, "auth", recovery=60)


@row(45)
def not_found(folder: Path) -> Result:
    """404: no such stream; asked again after 15 s."""
    return lasting_fault(folder, "describe=404", "describe=200", 12, "not_found", recovery=18)


@row(30)
def unavailable(folder: Path) -> Result:
    """503: server is overloaded."""
    return lasting_fault(folder, "describe=503", "describe=200", 12, "refused")


@row(50)
def no_audio_track(folder: Path) -> Result:
    """No audio track; asked again after 30 s."""
    return lasting_fault(folder, "tracks=video", "tracks=audio", 12, "no_audio", recovery=36)


@row(30)
def refused(folder: Path) -> Result:
    """Connection refused."""
    with camera(folder) as (peer, stage):
        stage.steady()
        stage.breaks()
        peer.do("refuse", "end")
        stage.detects("ended", "refused", within=2)
        stage.names("refused", 20)
        time.sleep(max(0.0, 12 - stage.age))
        peer.do("serve")
        stage.mends()
        stage.recovers()
        stage.ends_well()
        return stage.result


def is_whistled(window: Window) -> bool:
    """The tone of the signal, whatever a codec has made of the rest."""
    return loudest(window) == 1000


@row(30)
def other_codec_and_rate(folder: Path) -> Result:
    """Codec and rate change on reconnect."""
    openings = (("L16", 8000), ("L16", 48_000), ("PCMA", 8000), ("OPUS", 48_000))
    checks = [exact, *(Resampled(rate) if codec == "L16" else is_whistled for codec, rate in openings)]
    with DistantPeer(f"rate={RATE}") as peer, Stage(folder, RTSP, {"url": url(peer.port)}) as stage:
        stage.difficult.check = lambda window: checks[window.epoch](window)
        stage.steady()
        for epoch, (codec, rate) in enumerate(openings, start=1):
            stage.breaks()
            peer.do(f"codec={codec}", f"rate={rate}", "end")
            stage.detects("ended", within=2)
            stage.recovers()
            stage.windows(stage.difficult, 3)
            assert stage.difficult.epoch == epoch
            assert stage.difficult.newest is not None and is_whistled(stage.difficult.newest)
        stage.ends_well()
        return stage.result


@row(90)
def digital_zeros(folder: Path) -> Result:
    """Digital zeros for more than a minute."""
    with camera(folder, check=exact_or_zero) as (peer, stage):
        stage.steady()
        stage.breaks()
        peer.do("zeros=1")
        stage.until(lambda: stage.difficult.status.hint == SILENT, 90)
        stage.result.detected = stage.age
        assert stage.difficult.status.level_dbfs is None
        assert "silent" in stage.difficult.cuts[-1].flags
        peer.do("zeros=0")
        stage.mends()
        stage.until(lambda: stage.difficult.status.hint is None)
        stage.result.back = stage.age - stage.result.outage
        stage.windows(stage.difficult, 2)  # the one in which the zeros end
        stage.difficult.check = exact
        stage.ends_well()
        assert stage.difficult.status.state == "live"
        assert stage.difficult.epoch == 0
        return stage.result


@row(60, "rtsp-server")
def half_open(folder: Path) -> Result:
    """Half-open: server stopped with SIGSTOP."""
    with real_camera(folder) as (server, stage):
        stage.steady()
        stage.breaks()
        server.signal(signal.SIGSTOP)
        stage.detects("timeout", within=STALL_PROMISE)
        time.sleep(max(0.0, 25 - stage.age))
        server.signal(signal.SIGCONT)
        stage.mends()
        stage.recovers()
        stage.ends_well()
        return stage.result


@row(35, "rtsp-server")
def server_restarts(folder: Path) -> Result:
    """Server killed and started again."""
    with real_camera(folder) as (server, stage):
        stage.steady()
        stage.breaks()
        server.kill()
        stage.detects("ended", "refused", within=2)
        time.sleep(max(0.0, 10 - stage.age))
        server.start()
        stage.mends()
        stage.recovers()
        stage.ends_well()
        return stage.result


@row(55, "nss-wrapper", LD_PRELOAD="libnss_wrapper.so", NSS_WRAPPER_HOSTS="{folder}/hosts")
def unknown_host(folder: Path) -> Result:
    """Name unknown to DNS."""
    (folder / "hosts").write_text("127.0.0.1 localhost\n")
    with Peer() as peer:
        peer.do(f"rate={RATE}")
        with Stage(folder, RTSP, {"url": url(peer.port, host="camera.test")}) as stage:
            stage.breaks()
            stage.detects("dns", within=10)
            stage.alarms()
            (folder / "hosts").write_text("127.0.0.1 camera.test\n")
            stage.mends()
            stage.recovers()
            stage.steady()
            stage.ends_well()
            return stage.result
