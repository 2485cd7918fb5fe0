"""Sound as RTP: a signal whose every sample is known, the codecs that cameras use, packets and sender reports."""

import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

FRAMES_A_SECOND = 50
"""Of L16, PCMU and PCMA."""
PAYLOAD_TYPE = 96
NTP_EPOCH = 2_208_988_800
"""Seconds from 1900 to 1970."""

Sound = Callable[[int, int], np.ndarray]
"""(first, count) -> samples, int16."""

MAPS = {
    "L16": "L16/{rate}/1",
    "PCMU": "PCMU/{rate}",
    "PCMA": "PCMA/{rate}",
    "G726-16": "G726-16/8000",
    "G726-24": "G726-24/8000",
    "G726-32": "G726-32/8000",
    "G726-40": "G726-40/8000",
    "OPUS": "opus/48000/2",
    "AAC": "mpeg4-generic/{rate}/1",
    "UNKNOWN": "NOSUCHCODEC/{rate}/1",
}
ENCODERS = {"G726": "g726le", "OPUS": "libopus", "AAC": "aac"}


def signal(first: int, count: int, rate: int, frequency: float = 1000.0, amplitude: float = 0.25) -> np.ndarray:
    """Samples `first` to `first + count` of a tone with faint noise, int16; no two places in it are alike."""
    index = np.arange(first, first + count, dtype=np.uint64)
    noise = ((index * np.uint64(0x9E3779B97F4A7C15) >> np.uint64(40)).astype(np.float64) / 2**24 - 0.5) / 500
    tone = amplitude * np.sin(2 * np.pi * frequency * (index.astype(np.float64) / rate))
    return np.round(32768 * (tone + noise)).astype(np.int16)


@dataclass(frozen=True, slots=True)
class Frame:
    """What one RTP packet carries."""

    payload: bytes
    samples: int
    """How far the time stamp goes on behind it."""
    marker: bool = False


class Audio:
    """One codec at one rate."""

    def __init__(self, codec: str, rate: int) -> None:
        """`codec`: a key of MAPS; `rate`: of the sound (Hz)."""
        self.codec = codec
        self.rate = rate
        self.clock_rate = 48_000 if codec == "OPUS" else rate
        self._encoder = ENCODERS.get(codec.partition("-")[0])

    @property
    def description(self) -> str:
        """Its lines of the SDP, without the track's control."""
        mapped = MAPS[self.codec].format(rate=self.rate)
        return f"m=audio 0 RTP/AVP {PAYLOAD_TYPE}\r\na=rtpmap:{PAYLOAD_TYPE} {mapped}\r\n{self._parameters()}"

    def frames(self, sound: Sound) -> Iterator[Frame]:
        """Without end."""
        if self._encoder is not None:
            yield from _encoded(self._encoder, self.rate, self.clock_rate, self.codec, sound)
        encode = {"PCMU": mulaw, "PCMA": alaw}.get(self.codec, big_endian)
        count = self.rate // FRAMES_A_SECOND
        index = 0
        while True:
            yield Frame(encode(sound(index, count)), count)
            index += count

    def _parameters(self) -> str:
        if self.codec != "AAC":
            return ""
        import av

        context = av.CodecContext.create("aac", "w")
        context.sample_rate, context.layout, context.format = self.rate, "mono", "fltp"
        context.open()
        modes = "streamtype=5;profile-level-id=1;mode=AAC-hbr;sizelength=13;indexlength=3;indexdeltalength=3"
        return f"a=fmtp:{PAYLOAD_TYPE} {modes};config={context.extradata.hex()}\r\n"


def big_endian(samples: np.ndarray) -> bytes:
    """L16 (RFC 3551)."""
    return samples.astype(">i2").tobytes()


def mulaw(samples: np.ndarray) -> bytes:
    """G.711 µ-law."""
    wide = samples.astype(np.int32)
    magnitude = np.minimum(np.abs(wide), 32635) + 132
    exponent = np.floor(np.log2(magnitude)).astype(np.int32) - 7
    mantissa = (magnitude >> (exponent + 3)) & 15
    return (~(np.where(wide < 0, 128, 0) | exponent << 4 | mantissa) & 255).astype(np.uint8).tobytes()


def alaw(samples: np.ndarray) -> bytes:
    """G.711 A-law."""
    wide = samples.astype(np.int32) >> 3
    magnitude = np.where(wide < 0, -wide - 1, wide)
    exponent = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int32) - 4, 0)
    mantissa = (magnitude >> np.maximum(exponent, 1)) & 15
    return ((np.where(wide < 0, 0, 128) | exponent << 4 | mantissa) ^ 0x55).astype(np.uint8).tobytes()


def packet(frame: Frame, sequence: int, stamp: int) -> bytes:
    """One RTP packet."""
    second = PAYLOAD_TYPE | (128 if frame.marker else 0)
    return struct.pack(">BBHII", 0x80, second, sequence % 2**16, stamp % 2**32, 1) + frame.payload


def sender_report(utc: float, stamp: int, packets: int = 0, octets: int = 0) -> bytes:
    """RTCP: at `utc` (seconds since 1970) the sample with this time stamp was heard."""
    ntp = round((utc + NTP_EPOCH) * 2**16) << 16
    return struct.pack(">BBHIQIII", 0x80, 200, 6, 1, ntp % 2**64, stamp % 2**32, packets % 2**32, octets % 2**32)


def interleaved(channel: int, content: bytes) -> bytes:
    """Within RTSP's own connection."""
    return struct.pack(">cBH", b"$", channel, len(content)) + content


class _Packets:
    """Where FFmpeg's RTP muxer writes: one call a packet."""

    def __init__(self) -> None:
        self.written: list[bytes] = []

    def write(self, content: bytes) -> int:
        self.written.append(bytes(content))
        return len(content)

    def taken(self) -> Iterator[tuple[bytes, int, bool]]:
        """(payload, time stamp, marker) of what was written; FFmpeg's own reports are left out."""
        for content in self.written:
            if not 200 <= content[1] <= 204:
                yield content[12:], int.from_bytes(content[4:8]), bool(content[1] & 128)
        self.written.clear()


def _encoded(encoder: str, rate: int, clock_rate: int, codec: str, sound: Sound) -> Iterator[Frame]:
    import av

    sink = _Packets()
    with av.open(sink, "w", format="rtp", options={"packetsize": "1200"}) as muxer:
        stream = muxer.add_stream(encoder, rate=rate, options=_options(codec))
        stream.layout = "mono"
        index, before = 0, None
        while True:
            count = stream.codec_context.frame_size or rate // FRAMES_A_SECOND
            made = sound(index, count)
            frame = av.AudioFrame.from_ndarray(_as(stream.format.name, made), stream.format.name, "mono")
            frame.sample_rate, frame.pts = rate, index
            muxer.mux(stream.encode(frame))
            index += count
            for payload, stamp, marker in sink.taken():
                # How long a packet lasts shows in the next one's stamp.
                if before is not None:
                    yield Frame(before[0], (stamp - before[1]) % 2**32, before[2])
                before = payload, stamp, marker


def _options(codec: str) -> dict[str, str]:
    return {"code_size": str(int(codec[-2:]) // 8)} if codec.startswith("G726") else {}


def _as(kind: str, samples: np.ndarray) -> np.ndarray:
    return samples[None] if kind == "s16" else (samples[None] / 32768).astype(np.float32)
