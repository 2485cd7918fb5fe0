"""The options of the daemon itself; a key that nobody knows is an error."""

import re
import socket
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from .parts import NamedPart, Part, SourcePart

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


def _rooted(value: object, info: ValidationInfo) -> object:
    """A path in the file starts at the file; the command line's come as a `Path` and start where it was typed."""
    if not isinstance(value, str) or info.context is None:
        return value
    base: Path = info.context.get("base", Path())
    try:
        return base / Path(value).expanduser()
    except RuntimeError as error:  # ~nobody
        raise ValueError(f"{error}: write the path without ~") from error


RootedPath = Annotated[Path, BeforeValidator(_rooted)]
Probability = Annotated[float, Field(gt=0, lt=1)]


class Model(BaseModel):
    """Frozen, with unknown keys refused, and every field documented by the string below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class CurveConfig(Model):
    """Encryption, and who may listen (`mgcld keys`)."""

    key_file: RootedPath
    """The daemon's secret key, that `mgcld keys new` wrote; only its owner may read it."""
    clients: RootedPath | None = None
    """Folder of the `.key` files of those who may listen, looked at again while it runs; without it nobody may."""


class PublishConfig(Model):
    """Where and how messages go out."""

    endpoint: str = DEFAULT_ENDPOINT
    """ZeroMQ address to bind: tcp://address:port or ipc://path."""
    insecure: bool = False
    """Allow an address that other machines can reach, without encryption."""
    curve: CurveConfig | None = None
    """Encrypt, and let only those listen whose keys are known."""


class SpoolConfig(Model):
    """Audio that waits on disk until it has been heard."""

    folder: RootedPath | None = None
    """Where; a relative path starts at the configuration file. Without it the service's state directory."""
    max_megabytes: Annotated[float, Field(ge=1, le=1_000_000)] = 256
    """At most so much for each source, then the oldest goes: 256 are 22 minutes at 48 kHz, 2 hours at 8 kHz."""


class EventRule(Model):
    """When a class counts as heard, and when as over; what is left out is as for everything."""

    enabled: bool | None = None
    """Whether there are events at all."""
    threshold: Probability | None = None
    """A window of at least this probability counts as heard; without it the adapter's own, class by class."""
    threshold_off: Probability | None = None
    """A window below it counts as quiet; without it six tenths of `threshold`."""
    min_windows: Annotated[int, Field(ge=1, le=100)] | None = None
    """An event starts when so many windows were heard (M) ..."""
    of_windows: Annotated[int, Field(ge=1, le=100)] | None = None
    """... among the last so many (N). Of windows that overlap one counts."""
    min_seconds: Annotated[float, Field(ge=0, le=3600)] | None = None
    """... and when its sound has lasted so long."""
    quiet_windows: Annotated[int, Field(ge=1, le=100)] | None = None
    """It ends when so many windows in a row were quiet, of which none overlap."""
    refractory_seconds: Annotated[float, Field(ge=0, le=86_400)] | None = None
    """Not earlier after its end can the class start again at that source."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.min_windows and self.of_windows and self.min_windows > self.of_windows:
            raise ValueError(f"min_windows: {self.min_windows} of {self.of_windows} windows can never be heard")
        if self.threshold and self.threshold_off and self.threshold_off > self.threshold:
            raise ValueError("threshold_off must not be above threshold")
        return self


class SourceEvents(EventRule):
    """Rules of one source, and of classes at that source."""

    classes: dict[str, EventRule] = {}
    """Class -> what differs for it at this source."""


class EventsConfig(EventRule):
    """Rules for everything, then what differs for a class, for a source, for a class at a source."""

    update_seconds: Annotated[float, Field(ge=1, le=3600)] = 5.0
    """An event that goes on is told at most so often."""
    classes: dict[str, EventRule] = {}
    """Class -> what differs for it."""
    sources: dict[str, SourceEvents] = {}
    """Source -> what differs there; it goes before what differs for a class everywhere."""


class OverloadConfig(Model):
    """What is given up first when the machine cannot keep up."""

    policy: Literal["drop_oldest", "longer_hop", "skip_captions"] = "drop_oldest"
    """`drop_oldest`: the windows that have waited longest. `longer_hop`: every second window of a source, and so on,
    up to `longest_hop_seconds`. `skip_captions`: captions, as far as there are any. Where that does not do, the oldest
    windows go too."""
    longest_hop_seconds: Annotated[float, Field(gt=0, le=600)] = 30.0
    """With `longer_hop`, windows start at least so often."""


class HttpConfig(Model):
    """Health and metrics for machines: /healthz, /readyz, /metrics, /api/status."""

    address: str = "127.0.0.1:5766"
    """Where to listen: an address of this machine and a port."""
    insecure: bool = False
    """Allow an address that other machines can reach; nobody is asked who they are."""


class ControlConfig(Model):
    """Where `mgcld ctl` reaches the daemon."""

    enabled: bool = True
    """Whether it can be reached at all."""
    endpoint: str | None = None
    """ipc://path, or tcp://address:port with `publish.curve`; without it a socket in the runtime directory."""
    clients: RootedPath | None = None
    """Over tcp: folder of the `.key` files of those who may give orders; listening alone is not enough for that."""


class Config(Model):
    """Everything that `mgcld run` needs to know."""

    node: str = Field(default_factory=lambda: socket.gethostname().split(".")[0])
    """This machine's name in every message."""
    encoder: NamedPart = Part(type="mini")
    """The frozen audio-language model: a name, or a mapping with `type`, `device` and its other options."""
    captioner: NamedPart | None = None
    """Who writes a sentence about each window; without it, the one that the adapter was trained with, if that reads no
    file, fetches no model and is installed."""
    caption_seconds: Annotated[float, Field(gt=0, le=60)] = 0.25
    """So long the captions of one batch may take, on average; else not every window gets a new one."""
    adapter: RootedPath
    """The file that `mgcld train` wrote. A relative path starts at the configuration file."""
    watch_adapter: bool = False
    """Use the adapter as soon as another one stands in its place, without a restart."""
    hop_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds from the start of one window to the start of the next."""
    sources: Annotated[dict[str, SourcePart], Field(min_length=1)]
    """Name -> source: an address (`rtsp://...`, `microphone:default`, `file.wav?pace=max`) or a mapping with `type`."""
    stall_seconds: Annotated[float, Field(ge=2, le=600)] = 10.0
    """A live source without sound for so long is opened again."""
    spool: SpoolConfig | None = None
    """Keep the sound of live sources on disk until it has been heard, over a restart too; off unless it is given."""
    events: EventsConfig = EventsConfig()
    """When probabilities become events."""
    publish: PublishConfig = PublishConfig()
    """Where probabilities go."""
    sinks: dict[str, NamedPart] = {}
    """Name -> where messages go besides ZeroMQ."""
    control: ControlConfig = ControlConfig()
    """Where `mgcld ctl` reaches the daemon."""
    http: HttpConfig | None = None
    """Health and metrics over HTTP; off unless it is given."""
    overload: OverloadConfig = OverloadConfig()
    """What is given up first when the machine cannot keep up."""
    max_batch: Annotated[int, Field(ge=1, le=1024)] = 32
    """At most so many windows go to the encoder at once."""
    inbox_windows: Annotated[int, Field(ge=1, le=10_000)] = 64
    """At most so many windows wait for the encoder; then the oldest is dropped and counted."""
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    """How much the log says."""
    log_format: Literal["auto", "plain", "journal", "json"] = "auto"
    """`plain` lines, `json` lines, or fields for systemd's journal; auto is the journal where stderr leads there."""

    @property
    def longest_hop_seconds(self) -> float:
        """Seconds from a window's start to the next one's, where nothing is missing and whatever the load."""
        lengthened = self.overload.longest_hop_seconds if self.overload.policy == "longer_hop" else 0.0
        return max(self.hop_seconds, lengthened)

    @field_validator("node", "sources", "sinks")
    @classmethod
    def _names(cls, value: str | dict[str, Part], info: ValidationInfo) -> str | dict[str, Part]:
        for name in [value] if info.field_name == "node" else value:
            if not NAME.fullmatch(str(name)):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '-' and '.', at most 64")
            if name == "node" and info.field_name == "sources":
                raise ValueError("no source can be called 'node': that is the daemon itself in health messages")
        return value

    @field_validator("events")
    @classmethod
    def _sources_of_events(cls, value: EventsConfig, info: ValidationInfo) -> EventsConfig:
        unknown = sorted(value.sources.keys() - info.data.get("sources", value.sources).keys())
        if unknown:
            raise ValueError(f"sources.{unknown[0]}: no source is called so")
        return value
