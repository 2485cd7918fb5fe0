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
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
)

from mgcld.errors import ConfigError

DEFAULT_ENDPOINT = "tcp://127.0.0.1:5765"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
SAID = {
    "dict_type": "write a mapping",
    "missing": "missing",
    "model_type": "write a mapping",
    "path_type": "write a path",
    "string_type": "write text, in quotes where YAML would take it for a number or a yes",
    "too_short": "at least one is needed",
}
"""Our words for some of pydantic's kinds of error."""


class Model(BaseModel):
    """Frozen, with unknown keys refused, and every field documented by the string below it."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Part(BaseModel):
    """One replaceable part: its type and the options of that type."""

    model_config = ConfigDict(extra="allow", frozen=True, use_attribute_docstrings=True)

    type: str
    """A built-in name, one that an installed package offers, or package.module:attribute."""
    _base: Path = PrivateAttr(default=Path())

    def model_post_init(self, context: Any) -> None:
        """Remember which file this was read from."""
        self._base = (context or {}).get("base", Path())

    @property
    def base(self) -> Path:
        """Where relative paths in the options start: at the file, or for the command line at the working directory."""
        return self._base

    @property
    def options(self) -> dict[str, Any]:
        """What stands beside `type`."""
        return dict(self.model_extra or {})


def _part(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write a name, or a mapping with `type`")
    return {"type": value} if isinstance(value, str) else value


def _source(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write an address, or a mapping with `type`")
    return _fields_of_address(value) if isinstance(value, str) else value


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

    @field_validator("node", "sources", "sinks")
    @classmethod
    def _names(cls, value: str | dict[str, Part], info: ValidationInfo) -> str | dict[str, Part]:
        for name in [value] if info.field_name == "node" else value:
            if not NAME.fullmatch(str(name)):
                raise ValueError(f"{name!r} is no name: letters, digits, '_', '-' and '.', at most 64")
            if name == "node" and info.field_name == "sources":
                raise ValueError("no source can be called 'node': that is the daemon itself in health messages")
        return value


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> Config:
    """Read a file, lay the command line's wishes over it (of mappings, key by key), and check the whole.

    Relative paths in the file start at the file; the command line's start at the working directory, and its sources
    come as a `Part`.

    Raises:
        ConfigError: one line for each thing that is wrong, with its path in the file.
    """
    content = _read(path) if path else {}
    base = path.parent if path else Path()
    if isinstance(content.get("adapter"), str):
        content["adapter"] = base / Path(content["adapter"]).expanduser()
    try:
        return Config.model_validate(_laid_over(content, overrides), context={"base": base})
    except ValidationError as error:
        help = f"mend {path or 'the command line'}; config/demo.yaml explains every option"
        raise _explained(error, Config, help=help) from error


def _laid_over(content: Mapping[str, Any], wishes: Mapping[str, Any]) -> dict[str, Any]:
    laid = {**content, "sources": content.get("sources") or {}}
    for key, wish in wishes.items():
        under = laid.get(key) or {}
        if not isinstance(wish, Mapping):
            laid[key] = wish
        elif isinstance(under, Mapping):  # if not, what stands there is wrong: leave it to the check
            laid[key] = {**under, **wish}
    return laid


def encoder_part(name: str, device: str) -> Part:
    """An encoder as the command line names it; `auto` is left to the encoder."""
    return Part.model_validate({"type": name, **({} if device == "auto" else {"device": device})})


def part_of_address(address: str) -> Part:
    """`rtsp://host/path` -> Part(type='rtsp', address=...): the scheme names the source, a bare path is a file."""
    return Part.model_validate(_fields_of_address(address))


def _fields_of_address(address: str) -> dict[str, str]:
    scheme, colon, _ = address.partition(":")
    if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]+", scheme):
        return {"type": {"rtsps": "rtsp"}.get(scheme.lower(), scheme.lower()), "address": address}
    return {"type": "file", "address": address}


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
    model = create_model(
        constructor.__name__, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields
    )
    try:
        checked = model.model_validate(dict(given))
    except ValidationError as error:
        raise _explained(error, model, where) from error
    values = {name: getattr(checked, name) for name in fields if name in checked.model_fields_set}
    rooted = {name: base / v.expanduser() for name, v in values.items() if base and isinstance(v, Path)}
    return {**values, **rooted}


class _Loader(yaml.SafeLoader):
    """YAML in which no key may stand twice: the first of two sources of one name would silently be lost."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{key.value!r} stands twice", key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open(encoding="utf-8") as file:
            content = yaml.load(file, _Loader)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", help="give a file with -c") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {error}", help="compare it with config/demo.yaml") from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no options", help="compare it with config/demo.yaml")
    return content


def _explained(error: ValidationError, model: type[BaseModel], where: str = "", *, help: str = "") -> ConfigError:
    return ConfigError("\n".join(_line(dict(detail), model, where) for detail in error.errors()), help=help)


def _line(detail: dict[str, Any], model: type[BaseModel], where: str) -> str:
    location = [str(step) for step in detail["loc"] if step != "[key]"]
    path = ".".join([where, *location] if where else location)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(location[-1], _keys(model, location[:-1]), n=1, cutoff=0.5)
        return f"{path}: unknown key" + (f", did you mean {near[0]}?" if near else "")
    said = str(detail["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{path}: {SAID.get(detail['type'], said)}"


def _keys(model: type[BaseModel], location: Sequence[str]) -> list[str]:
    for step in location:
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
