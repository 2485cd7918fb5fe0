"""What pydantic finds wrong, in our words."""

import difflib
from collections.abc import Sequence
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from mgcld.errors import ConfigError

SAID = {
    "dict_type": "write a mapping",
    "missing": "missing",
    "model_type": "write a mapping",
    "path_type": "write a path",
    "string_type": "write text, in quotes where YAML would take it for a number or a yes",
    "too_short": "at least one is needed",
}
"""Our words for some of pydantic's kinds of error."""


def explained(error: ValidationError, model: type[BaseModel], where: str = "", *, help: str = "") -> ConfigError:
    """One line for each thing that is wrong, with its path, after `where`; `help` says what to do."""
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
    """What may stand there; nothing where `location` leads out of what is known."""
    here: Any = model
    for step in location:
        if _is_model(here):
            field = here.model_fields.get(step)
            here = field and field.annotation
        elif get_origin(here) is dict:  # any name leads to the same kind of thing
            here = get_args(here)[1]
        if get_origin(here) is UnionType:
            here = next((kind for kind in get_args(here) if _is_model(kind)), None)
    return list(here.model_fields) if _is_model(here) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
