"""A message as one JSON object: the same in a file and at a broker."""

import json

from mgcld.data import Message


def as_json(message: Message) -> bytes:
    """`{"topic": ..., "header": {...}, "body": {...}}` in ASCII, without a line break.

    Raises:
        ValueError: a number is not finite.
    """
    fields = {"topic": message.topic, "header": message.header, "body": message.body}
    return json.dumps(fields, allow_nan=False, separators=(",", ":")).encode("ascii")
