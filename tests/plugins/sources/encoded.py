"""Sound as recordings and segments, in memory."""

import io
from pathlib import Path

import av
import numpy as np
import soundfile


def recording(samples: np.ndarray, rate: int, kind: str, subtype: str | None = None) -> bytes:
    """WAV, FLAC, OGG or MP3."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, format=kind, subtype=subtype)
    return file.getvalue()


def aac(samples: np.ndarray, rate: int) -> bytes:
    """ADTS: every frame says its rate."""
    file = io.BytesIO()
    _encode(file, samples, rate, "adts", {})
    return file.getvalue()


def segments(samples: np.ndarray, rate: int, folder: Path) -> list[bytes]:
    """MPEG-TS with AAC, as HLS wants it, a second each."""
    _encode(str(folder / "list.m3u8"), samples, rate, "hls", {"hls_time": "1", "hls_list_size": "0"})
    return [(folder / f"list{index}.ts").read_bytes() for index in range(len(list(folder.glob("*.ts"))))]


def _encode(to: io.BytesIO | str, samples: np.ndarray, rate: int, container: str, options: dict[str, str]) -> None:
    with av.open(to, "w", format=container, options=options) as muxer:
        stream = muxer.add_stream("aac", rate=rate)
        stream.layout = "mono"
        for start in range(0, len(samples) - 1023, 1024):
            piece = np.ascontiguousarray(samples[None, start : start + 1024], np.float32)
            frame = av.AudioFrame.from_ndarray(piece, "fltp", "mono")
            frame.sample_rate, frame.pts = rate, start
            muxer.mux(stream.encode(frame))
        muxer.mux(stream.encode(None))
