"""`mgcld schema`: what goes over the bus, for whoever writes a subscriber."""

import json
from typing import Annotated

import typer

from mgcld.data import MessageKind
from mgcld.schemas import KINDS
from mgcld.schemas import schema as schema_of


def schema(
    kind: Annotated[MessageKind | None, typer.Argument(help="Only this kind of message.")] = None,
) -> None:
    """Print the JSON Schema of a kind of message, or of all, by kind."""
    told = schema_of(kind) if kind else {each: schema_of(each) for each in KINDS}
    print(json.dumps(told, indent=2, ensure_ascii=False))
