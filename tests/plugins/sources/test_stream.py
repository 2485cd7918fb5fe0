import itertools
import json
import socket
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from certificates import certificate, server_context
from encoded import aac, recording, segments
from mgcld_plugins.sources.stream import StreamSource
from servers.radio import Radio, radio
from tones import frequency_of, impurity_of, tone

from mgcld.config.parts import part_of_address
from mgcld.data import AudioBlock
from mgcld.errors import ConfigError, SourceError

RATE = 24_000
SECOND = tone(1000, 1, RATE)


@pytest.fixture
def server() -> Iterator[Radio]:
    with radio() as server:
        yield server


def heard(source: StreamSource) -> Iterator[AudioBlock]:
    return (block for block in source.blocks() if len(block.samples))


def fault_of(source: StreamSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        list(itertools.islice(source.blocks(), 1000))
    assert caught.value.help
    return caught.value


@pytest.mark.parametrize(
    ("kind", "subtype", "codec"),
    [
        ("WAV", "PCM_16", "pcm_s16le"),
        ("FLAC", None, "flac"),
        ("OGG", "VORBIS", "vorbis"),
        ("OGG", "OPUS", "opus"),
        ("MP3", None, "mp3float"),
        ("AAC", None, "aac"),
    ],
)
def test_a_tone_over_http_is_heard_at_its_frequency_and_level(
    server: Radio, kind: str, subtype: str | None, codec: str
) -> None:
    server.files["sound"] = aac(SECOND, RATE) if kind == "AAC" else recording(SECOND, RATE, kind, subtype)
    source = StreamSource(f"{server.address}/sound")
    assert source.live
    blocks = list(heard(source))
    rate = blocks[0].sample_rate
    samples = np.concatenate([block.samples for block in blocks])
    assert len(samples) / rate == pytest.approx(1, abs=0.1)
    inner = samples[rate // 4 : rate * 3 // 4]
    assert frequency_of(inner, rate) == pytest.approx(1000, abs=3)
    assert np.sqrt(np.mean(inner**2)) == pytest.approx(0.5 / np.sqrt(2), rel=0.03)
    assert [b.first_sample - a.first_sample - len(a.samples) for a, b in itertools.pairwise(blocks)] == [0] * (
        len(blocks) - 1
    )
    assert {block.epoch for block in blocks} == {0}
    assert source.facts == {"codec": codec, "sample_rate": rate, "channels": 1, "transport": "http"}


def test_what_a_radio_sends_ahead_is_passed_on_hardly_faster_than_it_sounds(server: Radio) -> None:
    sound = tone(1000, 5, RATE)
    server.broadcast = recording(sound, RATE, "MP3"), 5.0
    began, before_ns = time.monotonic(), time.time_ns()
    blocks, passed = [], 0.0
    for block in heard(StreamSource(f"{server.address}/radio")):
        blocks.append(block)
        passed += len(block.samples) / RATE
        assert passed / 1.1 < time.monotonic() - began + 0.2
        if passed > 2.1:
            break
    samples = np.concatenate([block.samples for block in blocks])
    assert impurity_of(samples[RATE // 2 :], RATE, 1000) < 0.02
    told_ns = blocks[-1].captured_ns - blocks[0].captured_ns
    assert 1.7e9 < told_ns < 8e9
    assert before_ns < blocks[0].captured_ns + 1e9
    assert {(block.clock, block.clock_uncertainty_ns) for block in blocks} == {("arrival", 30 * 10**9)}


def test_a_live_playlist_is_followed_from_segment_to_segment(server: Radio, tmp_path: Path) -> None:
    server.segments = segments(tone(1000, 12, RATE), RATE, tmp_path)
    blocks = list(
        itertools.takewhile(lambda b: b.first_sample < 4.5 * RATE, heard(StreamSource(f"{server.address}/live.m3u8")))
    )
    samples = np.concatenate([block.samples for block in blocks])
    assert impurity_of(samples[RATE // 2 :], RATE, 1000) < 0.02
    assert blocks[-1].first_sample + len(blocks[-1].samples) == len(samples)
    assert server.asked.count("/live.m3u8") > 1


def test_a_playlist_never_opens_a_file_of_this_machine(server: Radio, tmp_path: Path) -> None:
    server.segments = segments(tone(1000, 3, RATE), RATE, tmp_path)
    head = "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n#EXTINF:1.0,\n"
    local = tmp_path / "list0.ts"
    assert local.exists()
    for name, entry in {
        "right": f"{server.address}/segment0.ts",
        "file": f"file://{local}",
        "path": str(local),
        "concat": f"concat:{local}",
        "subfile": f"subfile,,start,0,end,0,,:{local}",
    }.items():
        server.files[f"{name}.m3u8"] = f"{head}{entry}\n#EXT-X-ENDLIST\n".encode()
    assert len(list(heard(StreamSource(f"{server.address}/right.m3u8")))) > 10
    for name in ("file", "path", "concat", "subfile"):
        fault = fault_of(StreamSource(f"{server.address}/{name}.m3u8", timeout_seconds=2))
        assert fault.reason in ("codec", "not_found"), name


def test_a_rate_that_changes_within_the_stream_ends_the_opening(server: Radio) -> None:
    server.files["sound"] = aac(SECOND, RATE) + aac(tone(1000, 0.3, 48_000), 48_000)
    blocks: list[AudioBlock] = []
    with pytest.raises(SourceError, match="48000 Hz") as caught:
        for block in heard(StreamSource(f"{server.address}/sound")):
            blocks.append(block)
    assert caught.value.reason == "ended"
    assert {block.sample_rate for block in blocks} == {RATE}


@pytest.mark.parametrize(
    ("status", "reason"), [(401, "auth"), (403, "auth"), (404, "not_found"), (410, "refused"), (503, "refused")]
)
def test_what_the_server_answers_is_the_reason(server: Radio, status: int, reason: str) -> None:
    assert fault_of(StreamSource(f"{server.address}/status/{status}")).reason == reason


def test_a_server_that_never_answers(server: Radio) -> None:
    began = time.monotonic()
    assert fault_of(StreamSource(f"{server.address}/mute", timeout_seconds=1)).reason == "timeout"
    assert time.monotonic() - began < 4


def test_a_page_is_no_sound(server: Radio) -> None:
    server.files["page"] = b"<html><body>" + 100 * b"Welcome to the radio. "
    assert fault_of(StreamSource(f"{server.address}/page")).reason == "codec"


def test_hosts_that_are_not_there() -> None:
    assert fault_of(StreamSource("http://no-such-host.invalid/x")).reason == "dns"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    assert fault_of(StreamSource(f"http://127.0.0.1:{port}/x")).reason == "refused"


@pytest.mark.system("openssl")
def test_the_certificate_of_a_server_is_verified_unless_told_otherwise(tmp_path: Path) -> None:
    ours = certificate(tmp_path)
    with radio() as server:
        server.socket = server_context(ours).wrap_socket(server.socket, server_side=True)
        server.files["sound"] = recording(SECOND, RATE, "WAV")
        address = server.address.replace("http", "https") + "/sound"
        fault = fault_of(StreamSource(address))
        assert (fault.reason, "not trusted" in str(fault)) == ("tls", True)
        for options in ({"verify": False}, {"ca_file": ours.public}):
            assert frequency_of(next(heard(StreamSource(address, **options))).samples, RATE) == pytest.approx(
                1000, abs=9
            )  # type: ignore[arg-type]


@pytest.mark.system("openssl")
def test_that_the_pieces_of_a_playlist_are_not_verified_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ours = certificate(tmp_path)
    with radio() as server:
        server.socket = server_context(ours).wrap_socket(server.socket, server_side=True)
        server.segments = segments(tone(1000, 3, RATE), RATE, tmp_path)
        server.files["sound"] = recording(SECOND, RATE, "WAV")
        address = server.address.replace("http", "https")
        for name, told in (("sound", 0), ("live.m3u8", 1)):
            next(heard(StreamSource(f"{address}/{name}?token=SECRET", ca_file=ours.public)))
            assert caplog.text.count("no certificate is verified") == told
        next(heard(StreamSource(f"{address}/live.m3u8", verify=False)))
    assert caplog.text.count("no certificate is verified") == 1
    assert "SECRET" not in caplog.text


def test_user_and_password_reach_the_server_and_nobody_else(
    server: Radio, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    server.password = "us@er:pa/ss"
    server.files["sound"] = recording(SECOND, RATE, "WAV")
    file = tmp_path / "password"
    file.write_text("pa/ss\n")
    next(heard(StreamSource(f"{server.address}/sound", user="us@er", password_file=file)))
    next(heard(StreamSource(f"{server.address}/sound".replace("//", "//us%40er:pa%2Fss@"))))
    fault = fault_of(StreamSource(f"{server.address}/sound?token=SECRET".replace("//", "//us%40er:SECRET@")))
    assert fault.reason == "auth"
    told = "".join(traceback.format_exception(fault)) + fault.help + caplog.text
    assert "SECRET" not in told


LISTEN = """
import json, sys
from mgcld_plugins.sources.stream import StreamSource
from mgcld.config import options_of
from mgcld.errors import SourceError
given = {**StreamSource.from_address(sys.argv[1]), **json.loads(sys.argv[2])}
source = StreamSource(**options_of(StreamSource, given, where="pipe"))
total, rates, first = 0, set(), 0
try:
    for block in source.blocks():
        if len(block.samples):
            first = first or block.samples[: 8].tolist()
            total, clock = total + len(block.samples), block.clock
    print(json.dumps([total, first, clock, source.live, dict(source.facts)]))
except SourceError as error:
    print(json.dumps([error.reason, str(error)]))
"""


def piped(content: bytes, address: str = "-", **options: object) -> list[object]:
    """What comes through a real pipe into a process that listens to its standard input."""
    command = [sys.executable, "-c", LISTEN, address, json.dumps(options)]
    done = subprocess.run(command, input=content, capture_output=True, timeout=60)
    assert not done.stderr, done.stderr.decode()
    told: list[object] = json.loads(done.stdout)
    return told


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_a_recording_in_a_pipe_is_heard_to_its_end(kind: str) -> None:
    total, _, clock, live, facts = piped(recording(SECOND, RATE, kind))
    assert total == pytest.approx(len(SECOND), abs=0.05 * RATE)
    assert (clock, live, facts["sample_rate"], facts["transport"]) == ("file", False, RATE, "pipe")  # type: ignore[index]


def test_raw_samples_in_a_pipe_are_what_they_are_said_to_be() -> None:
    left = np.round(SECOND * 32767).astype("<i2")
    content = np.stack([left, 0 * left], axis=1).tobytes()
    total, first, _, _, facts = piped(content, f"-?format=s16le&sample_rate={RATE}&channels=2")
    assert total == len(left)
    assert first == (left[:8] / 65536).tolist()
    assert facts["channels"] == 2  # type: ignore[index]
    total, first, *_ = piped(SECOND.astype("<f4").tobytes(), format="f32le", sample_rate=RATE)
    assert (total, first) == (len(SECOND), SECOND[:8].tolist())


@pytest.mark.parametrize("content", [b"", b"no sound " * 99])
def test_a_pipe_without_sound(content: bytes) -> None:
    reason, text = piped(content)
    assert reason == "codec"
    assert str(text).startswith("standard input: ")


def test_standard_input_that_is_closed_is_not_taken_for_what_has_its_number() -> None:
    command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", LISTEN, "-", "{}"]
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert json.loads(done.stdout) == ["absent", "standard input: it is closed"]


def test_a_pipe_may_pause_and_ticks_meanwhile() -> None:
    code = LISTEN.replace("        if len(", "        print(len(block.samples), flush=True)\n        if len(")
    command = [sys.executable, "-u", "-c", code, f"-?format=s16le&sample_rate={RATE}", '{"timeout_seconds": 0.1}']
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(bytes(8 * RATE))
        process.stdin.flush()
        counts = [int(process.stdout.readline())]
        while counts[-1] or not sum(counts):
            counts.append(int(process.stdout.readline()))
        process.stdin.write(bytes(2 * RATE))
        process.stdin.close()
        told = json.loads(process.stdout.readlines()[-1])
        assert process.wait(30) == 0
    assert told[0] == 5 * RATE


@pytest.mark.parametrize(
    ("address", "options"),
    [
        ("http://radio.example/x", {"url": "http://radio.example/x"}),
        ("HTTPS://radio.example/x", {"url": "HTTPS://radio.example/x"}),
        ("-", {"url": "-"}),
        ("-?format=f32le&sample_rate=48000", {"url": "-", "format": "f32le", "sample_rate": "48000"}),
    ],
)
def test_addresses_of_streams(address: str, options: dict[str, str]) -> None:
    assert part_of_address(address).type == "stream"
    assert StreamSource.from_address(address) == options


@pytest.mark.parametrize("address", ["ftp://h/x", "http:///x", "-?rate=16000", "http://h/a b"])
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(ConfigError) as caught:
        StreamSource.from_address(address)
    assert caught.value.help


@pytest.mark.parametrize(
    "options", [{"sample_rate": 16_000}, {"format": "s16le"}, {"format": "s16le", "sample_rate": 0}, {"user": "u"}]
)
def test_options_of_a_pipe_that_make_no_sense(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError) as caught:
        StreamSource("-", **options)  # type: ignore[arg-type]
    assert caught.value.help
