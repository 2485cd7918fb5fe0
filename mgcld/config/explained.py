"""What pydantic finds wrong, in our words."""

import difflib
from collections.abc import Sequence
from typing import Any

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
    for step in location:
        annotation = model.model_fields[step].annotation if step in model.model_fields else None
        if not (isinstance(annotation, type) and issubclass(annotation, BaseModel)):
            return []
        model = annotation
    return list(model.model_fields)
