"""The configuration file: YAML into frozen models; a key that nobody knows is an error with its path.

Here stand the options of the daemon itself. Each part (source, encoder, captioner, sink) states its own options in its
constructor; `options_of` checks them the same way.
"""

import difflib
import inspect
import re
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, create_model, field_validator

from mgcld.errors import ConfigError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")


class Model(BaseModel):
    """Frozen, with unknown keys refused, and every field documented by the string below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Part(BaseModel):
    """One replaceable part: its type and the options of that type."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    type: str
    """A built-in name, one that an installed package offers, or package.module:attribute."""

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside `type`."""
        return dict(self.model_extra or {})


def _part(value: object) -> object:
    return {"type": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    return part_of_address(value) if isinstance(value, str) else value


NamedPart = Annotated[Part, BeforeValidator(_part)]
SourcePart = Annotated[Part, BeforeValidator(_source)]


class PublishConfig(Model):
    """Where and how messages go out."""

    endpoint: str = DEFAULT_ENDPOINT
    """ZeroMQ address to bind: tcp://address:port or ipc://path."""
    insecure: bool = False
    """Allow an address that other machines can reach, without encryption."""


class Config(Model):
    """Everything that `mgcld run` needs to know."""

    node: str = Field(default_factory=lambda: socket.gethostname().split(".")[0])
    """This machine's name in every message."""
    encoder: NamedPart = Part(type="mini")
    """The frozen audio-language model: a name, or a mapping with `type`, `device` and its other options."""
    captioner: NamedPart | None = None
    """Who writes a sentence about each window; without it, the one that the adapter was trained with."""
    adapter: Path
    """The file that `mgcld train` wrote. A relative path starts at the configuration file."""
    hop_seconds: Annotated[float, Field(gt=0, le=60)] = 5.0
    """Seconds from the start of one window to the start of the next."""
    sources: Annotated[dict[str, SourcePart], Field(min_length=1)]
    """Name -> source: an address (`rtsp://...`, `microphone:default`, `file.wav?pace=max`) or a mapping with `type`."""
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

    @field_validator("sources", "sinks")
    @classmethod
    def _names(cls, value: dict[str, Part]) -> dict[str, Part]:
        for name in value:
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '-' and '.', at most 64")
        return value


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> Config:
    """Read a file, lay the command line's wishes over it (sources one by one), and check the whole.

    Raises:
        ConfigError: one line for each thing that is wrong, with its path in the file.
    """
    content = _read(path) if path else {}
    base = path.parent if path else Path()
    if isinstance(content.get("adapter"), str):
        content["adapter"] = base / Path(content["adapter"]).expanduser()
    sources = content.get("sources") or {}
    if isinstance(sources, dict):
        content["sources"] = {**sources, **overrides.get("sources", {})}
    content.update({key: value for key, value in overrides.items() if key != "sources"})
    try:
        return Config.model_validate(content)
    except ValidationError as error:
        raise _explained(error, Config, str(path or "command line")) from error


def part_of_address(address: str) -> Part:
    """`rtsp://host/path` -> Part(type='rtsp', address=...): the scheme names the source, a bare path is a file."""
    scheme, colon, _ = address.partition(":")
    if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]+", scheme):
        return Part.model_validate({"type": {"rtsps": "rtsp"}.get(scheme.lower(), scheme.lower()), "address": address})
    return Part.model_validate({"type": "file", "address": address})


def options_of(
    constructor: type, given: Mapping[str, Any], *, where: str, base: Path | None = None, injected: Sequence[str] = ()
) -> dict[str, Any]:
    """Check a part's options against its constructor: unknown keys, types; relative `Path`s start at `base`.

    Raises:
        ConfigError: one line for each thing that is wrong, with its path (`sources.kitchen.ulr`).
    """
    fields: dict[str, Any] = {}
    for name, parameter in inspect.signature(constructor, eval_str=True).parameters.items():
        if name in injected or parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
            continue
        annotation = Any if parameter.annotation is parameter.empty else parameter.annotation
        fields[name] = (annotation, ... if parameter.default is parameter.empty else parameter.default)
    model = create_model(constructor.__name__, __config__=ConfigDict(extra="forbid", frozen=True), **fields)
    try:
        checked = model.model_validate(dict(given))
    except ValidationError as error:
        raise _explained(error, model, where) from error
    values = {name: getattr(checked, name) for name in fields if name in checked.model_fields_set}
    rooted = {name: base / v.expanduser() for name, v in values.items() if base and isinstance(v, Path)}
    return {**values, **rooted}


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", help="give a file with -c") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}", help="compare it with config/demo.yaml") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no options", help="compare it with config/demo.yaml")
    return content


def _explained(error: ValidationError, model: type[BaseModel], where: str) -> ConfigError:
    lines = [_line(dict(detail), model, where) for detail in error.errors()]
    return ConfigError("\n".join(lines), help="see config/ for files that work")


def _line(detail: dict[str, Any], model: type[BaseModel], where: str) -> str:
    location = [str(part) for part in detail["loc"]]
    path = ".".join(([] if model is Config else [where]) + location) or where
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys(model, location[:-1]), n=1, cutoff=0.5)
        return f"{path}: unknown key" + (f", did you mean {near[0]}?" if near else "")
    if detail["type"] == "missing":
        return f"{path}: missing"
    said = str(detail["msg"]).removeprefix("Value error, ")
    return f"{path}: {said}"


def _keys(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    for step in location:
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
