"""Raw samples, which do not say what they are."""

from typing import Literal

from mgcld.errors import ConfigError

Format = Literal["s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "u8", "alaw", "mulaw"]
MOST_CHANNELS = 64


def raw_options(format: Format | None, sample_rate: int | None, channels: int | None) -> dict[str, str]:
    """What FFmpeg has to know of them; nothing where there is no format.

    Raises:
        ConfigError: it is half said.
    """
    if format is None:
        if sample_rate is not None or channels is not None:
            raise ConfigError("sample_rate and channels are of raw samples", help="say their format, too: s16le")
        return {}
    if sample_rate is None or sample_rate <= 0 or (channels is not None and not 0 < channels <= MOST_CHANNELS):
        raise ConfigError(f"{format} at what rate, with how many channels?", help="add sample_rate: 16000, channels: 1")
    return {"sample_rate": str(sample_rate), "ch_layout": f"{channels or 1}c"}
