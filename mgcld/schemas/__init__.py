"""What goes over the bus, as JSON Schema (2020-12): one file a kind, with the meaning and the unit of every field.

A schema is about a message as one object: `{"topic": ..., "header": ..., "body": ...}`, the three frames by name, as
`mgcld watch --json` prints it. Within a version changes only add: more fields than it names are right.
"""

import json
from importlib.resources import files
from typing import Any, get_args

from mgcld.data import MessageKind

KINDS: tuple[MessageKind, ...] = get_args(MessageKind)


def schema(kind: MessageKind) -> dict[str, Any]:
    """The schema of one kind of message."""
    loaded: dict[str, Any] = json.loads(files(__package__).joinpath(f"{kind}.json").read_text(encoding="utf-8"))
    return loaded
