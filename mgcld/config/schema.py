"""The options of the daemon itself; a key that nobody knows is an error."""

import re
import socket
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from .parts import NamedPart, Part, SourcePart

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Model(BaseModel):
    """Frozen, with unknown keys refused, and every field documented by the string below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class PublishConfig(Model):
    """Where and how messages go out."""

    endpoint: str = DEFAULT_ENDPOINT
    """ZeroMQ address to bind: tcp://address:port or ipc://path."""
    insecure: bool = False
    """Allow an address that other machines can reach, without encryption."""


class SpoolConfig(Model):
    """Audio that waits on disk until it has been heard."""

    folder: Path | None = None
    """Where; a relative path starts at the configuration file. Without it the service's state directory."""
    max_megabytes: Annotated[float, Field(ge=1, le=1_000_000)] = 256
    """At most so much for each source, then the oldest goes: 256 are 22 minutes at 48 kHz, 2 hours at 8 kHz."""


class Config(Model):
    """Everything that `mgcld run` needs to know."""

    node: str = Field(default_factory=lambda: socket.gethostname().split(".")[0])
    """This machine's name in every message."""
    encoder: NamedPart = Part(type="mini")
    """The frozen audio-language model: a name, or a mapping with `type`, `device` and its other options."""
    captioner: NamedPart | None = None
    """Who writes a sentence about each window; without it, the one that the adapter was trained with."""
    caption_seconds: Annotated[float, Field(gt=0, le=60)] = 0.25
    """So long the captions of one batch may take, on average; else not every window gets a new one."""
    adapter: Path
    """The file that `mgcld train` wrote. A relative path starts at the configuration file."""
    hop_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds from the start of one window to the start of the next."""
    sources: Annotated[dict[str, SourcePart], Field(min_length=1)]
    """Name -> source: an address (`rtsp://...`, `microphone:default`, `file.wav?pace=max`) or a mapping with `type`."""
    stall_seconds: Annotated[float, Field(ge=2, le=600)] = 10.0
    """A live source without sound for so long is opened again."""
    spool: SpoolConfig | None = None
    """Keep the sound of live sources on disk until it has been heard, over a restart too; off unless it is given."""
    publish: PublishConfig = PublishConfig()
    """Where probabilities go."""
    sinks: dict[str, NamedPart] = {}
    """Name -> where messages go besides ZeroMQ."""
    max_batch: Annotated[int, Field(ge=1, le=1024)] = 32
    """At most so many windows go to the encoder at once."""
    inbox_windows: Annotated[int, Field(ge=1, le=10_000)] = 64
    """At most so many windows wait for the encoder; then the oldest is dropped and counted."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the log says."""

    @field_validator("node", "sources", "sinks")
    @classmethod
    def _names(cls, value: str | dict[str, Part], info: ValidationInfo) -> str | dict[str, Part]:
        for name in [value] if info.field_name == "node" else value:
            if not NAME.fullmatch(str(name)):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '-' and '.', at most 64")
            if name == "node" and info.field_name == "sources":
                raise ValueError("no source can be called 'node': that is the daemon itself in health messages")
        return value
