"""Which captioner serves an adapter: the user's, or the adapter's own as far as a stranger may choose one."""

import inspect
import json

from mgcld import registry
from mgcld.config import Part, named_part
from mgcld.errors import CheckpointError, ConfigError

NUMBERS = (int, float, bool)
"""What an adapter may set: a text may be a path to read or a model to fetch."""


def captioner_of(noted: str, wish: Part | None) -> Part:
    """The wish, else what the adapter notes: a built-in or installed captioner, with numbers for options.

    An adapter's file may come from anywhere. What it notes imports no module, reads no file and fetches no model,
    unless the user says the same.

    Raises:
        CheckpointError: what it notes is no captioner's name.
        ConfigError: it needs the user's word.
    """
    if wish is not None:
        return wish
    try:
        part = named_part(noted)
    except ConfigError as error:
        raise CheckpointError(f"the adapter's captioner cannot be read: {error}", help="train it again") from error
    doubt = _doubt(part)
    if doubt:
        raise ConfigError(
            f"the adapter was trained with the captioner {noted}, and {doubt}: only you can ask for it, no file",
            help="if you trust who made it, write into the configuration:  "
            f"captioner: {json.dumps(noted, ensure_ascii=False)}  (for mgcld classify: --captioner)",
        )
    return part


def _doubt(part: Part) -> str:
    if part.type not in registry.names("captioner"):
        return "that is code which no installed package offers as a captioner"
    parameters = inspect.signature(registry.load("captioner", part.type), eval_str=True).parameters
    for name in part.options:
        if name not in parameters or parameters[name].annotation not in NUMBERS:
            return f"its option {name} is no number"
    return ""
