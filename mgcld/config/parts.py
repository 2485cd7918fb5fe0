"""Replaceable parts as the configuration names them, and their options against their constructors."""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, PrivateAttr, ValidationError, create_model

from mgcld.errors import ConfigError

from .explained import explained


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

    @property
    def named(self) -> str:
        """As the command line names it, with all its options: NAME=MODEL?option=value. `named_part` reads it again."""
        options = {name: value for name, value in self.options.items() if value is not None}
        model = "" if "?" in str(options.get("model", "?")) else f"={options.pop('model')}"
        query = urlencode(options, quote_via=quote)
        return f"{self.type}{model}?{query}" if query else f"{self.type}{model}"


def _part(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write a name, or a mapping with `type`")
    return _fields_of_name(value) if isinstance(value, str) else value


def _source(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write an address, or a mapping with `type`")
    return _fields_of_address(value) if isinstance(value, str) else value


NamedPart = Annotated[Part, BeforeValidator(_part)]
SourcePart = Annotated[Part, BeforeValidator(_source)]


def named_part(wish: str, **options: str) -> Part:
    """A part as the command line names it: NAME, NAME=MODEL for one that takes an option `model`, and ?option=value.

    Raises:
        ConfigError: there is nothing before or behind the =.
    """
    try:
        return Part.model_validate({**_fields_of_name(wish), **options})
    except ValueError as error:
        raise ConfigError(str(error), help=_NAME) from error


_NAME = "write NAME, or NAME=MODEL: clap=laion/larger_clap_general; other options behind a ?, as in retrieval?most=2"


def _fields_of_name(wish: str) -> dict[str, str]:
    head, _, query = wish.partition("?")
    name, equals, model = head.partition("=")
    if not name or (equals and not model):
        raise ValueError(f"{wish!r} names no part")
    return {**dict(parse_qsl(query, keep_blank_values=True)), "type": name, **({"model": model} if equals else {})}


def encoder_part(wish: str, device: str) -> Part:
    """An encoder as the command line names it; `auto` is left to the encoder."""
    return named_part(wish, **({} if device == "auto" else {"device": device}))


def part_of_address(address: str) -> Part:
    """`rtsp://host/path` -> Part(type='rtsp', address=...): the scheme names the source, - is a pipe, a path a file."""
    return Part.model_validate(_fields_of_address(address))


_TYPES = {"rtsps": "rtsp", "http": "stream", "https": "stream"}


def _fields_of_address(address: str) -> dict[str, str]:
    scheme, colon, _ = address.partition(":")
    if colon and re.fullmatch(r"[A-Za-z][A-Za-z0-9_+-]+", scheme):
        return {"type": _TYPES.get(scheme.lower(), scheme.lower()), "address": address}
    if re.match(r"-(\?|$)", address):
        return {"type": "stream", "address": address}
    return {"type": "file", "address": address}


def options_of(
    constructor: type, given: Mapping[str, Any], *, where: str, base: Path | None = None, injected: Sequence[str] = ()
) -> dict[str, Any]:
    """Check a part's options against its constructor: unknown keys, types; relative paths start at `base`.

    Paths are what the constructor says is a `Path`, and any text that begins with ./, ../ or ~/.

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
        raise explained(error, model, where, help=_SOURCES if where.startswith("sources.") else _OPTIONS) from error
    values = {name: getattr(checked, name) for name in fields if name in checked.model_fields_set}
    if base is None:
        return values
    try:
        rooted: dict[str, Any] = {name: base / v.expanduser() for name, v in values.items() if isinstance(v, Path)}
        rooted |= {name: _rooted(v, base) for name, v in values.items() if isinstance(v, str)}
    except RuntimeError as error:  # ~nobody
        raise ConfigError(f"{where}: {error}", help="write the path without ~") from error
    return {**values, **rooted}


_SOURCES = "the options of each kind of source are in config/microphone.yaml, rtsp.yaml, stream.yaml and file.yaml"
_OPTIONS = "options stand beside `type` in YAML; on the command line write NAME=MODEL, or NAME?option=value"


def _rooted(text: str, base: Path) -> str:
    """A hub's model is `a/b` and a folder here may be too: what says that it is a path stays recognisable as one."""
    path = re.match(r"\.{1,2}/|~/", text)
    return str(base.absolute() / Path(text).expanduser()) if path else text
