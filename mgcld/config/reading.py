"""A YAML file and the command line's wishes into a checked configuration."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mgcld.errors import ConfigError
from mgcld.handwritten import NotReadable, read_yaml

from .explained import explained
from .parts import Part, named_part
from .schema import Config

MOST_BYTES = 1_000_000
"""Of a configuration: a thousand sources with everything that can be said of them."""


def load_config(path: Path | None, overrides: Mapping[str, Any]) -> Config:
    """Read a file, lay the command line's wishes over it (of mappings, key by key), and check the whole.

    Relative paths in the file start at the file; the command line's start at the working directory, and its sources
    come as a `Part`.

    Raises:
        ConfigError: one line for each thing that is wrong, with its path in the file.
    """
    content = _read(path) if path else {}
    base = path.parent if path else Path()
    try:
        return Config.model_validate(_laid_over(content, overrides), context={"base": base})
    except ValidationError as error:
        by_hand = "mend the command line, for instance --source mic=microphone:default; --help explains every option"
        help = f"mend {path}; config/demo.yaml explains every option" if path else by_hand
        raise explained(error, Config, help=help) from error


def explainer_part(wish: str, count: int | None = None, settings: Sequence[str] = ()) -> Part:
    """An explainer as the command line names it: as `named_part`, or a YAML file with `type` and its options.

    count: of sentences about each class. settings: `option=value`, over what the file says.

    Raises:
        ConfigError: the file cannot be used, or a setting is none.
    """
    path = Path(wish) if wish.endswith((".yaml", ".yml")) else None
    content = _read(path, help="write a YAML file with `type` and its options") if path else _content(named_part(wish))
    for setting in settings:
        option, equals, value = setting.partition("=")
        if not (option and equals):
            raise ConfigError("--set: no option and value", help="write --set model=llama3.1")  # not shown: a key?
        content[option] = value
    if count is not None:
        content["count"] = count
    try:
        return Part.model_validate(content, context={"base": path.parent if path else Path()})
    except ValidationError as error:
        raise explained(error, Part, help=f"mend {wish}") from error


def _content(part: Part) -> dict[str, Any]:
    return {"type": part.type, **part.options}


def _laid_over(content: Mapping[str, Any], wishes: Mapping[str, Any]) -> dict[str, Any]:
    laid = {**content, "sources": content.get("sources") or {}}
    for key, wish in wishes.items():
        under = laid.get(key) or {}
        if not isinstance(wish, Mapping):
            laid[key] = wish
        elif isinstance(under, Mapping):  # if not, what stands there is wrong: leave it to the check
            laid[key] = {**under, **wish}
    return laid


def _read(path: Path, help: str = "give a file with -c; compare it with config/demo.yaml") -> dict[str, Any]:
    try:
        content = read_yaml(path, MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}", help=help) from error
    except NotReadable as error:
        raise ConfigError(f"{path} is not YAML that can be read: {error}", help=help) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{path} holds no options", help=help)
    return content
