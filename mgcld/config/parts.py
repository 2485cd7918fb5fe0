"""Replaceable parts as the configuration names them, and their options against their constructors."""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import parse_qsl, quote, urlencode

from pydantic import BaseModel, BeforeValidator, ConfigDict, PrivateAttr, ValidationError, create_model

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


def _part(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write a name, or a mapping with `type`")
    return _fields_of_text(value) if isinstance(value, str) else value


def _source(value: object) -> object:
    if not isinstance(value, str | Mapping | Part):
        raise ValueError("write an address, or a mapping with `type`")
    return _fields_of_address(value) if isinstance(value, str) else value


NamedPart = Annotated[Part, BeforeValidator(_part)]
SourcePart = Annotated[Part, BeforeValidator(_source)]


def encoder_part(name: str, device: str) -> Part:
    """An encoder as the command line names it; `auto` is left to the encoder."""
    return Part.model_validate({"type": name, **({} if device == "auto" else {"device": device})})


def part_of_text(text: str) -> Part:
    """`retrieval?most=2` -> Part(type='retrieval', most='2'); a name alone has no options."""
    return Part.model_validate(_fields_of_text(text))


def text_of_part(part: Part, options: Mapping[str, Any]) -> str:
    """What `part_of_text` reads, with these options in the place of the part's own; paths become absolute."""
    whole = {name: v.resolve() if isinstance(v, Path) else v for name, v in options.items() if v is not None}
    return f"{part.type}?{urlencode(whole, quote_via=quote)}" if whole else part.type


def _fields_of_text(text: str) -> dict[str, str]:
    name, _, query = text.partition("?")
    return {**dict(parse_qsl(query, keep_blank_values=True)), "type": name}


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
        raise explained(error, model, where) from error
    values = {name: getattr(checked, name) for name in fields if name in checked.model_fields_set}
    rooted = {name: base / v.expanduser() for name, v in values.items() if base and isinstance(v, Path)}
    return {**values, **rooted}
