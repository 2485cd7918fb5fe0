"""YAML as people write it by hand, mistakes and mischief included: the one reader of it.

Nothing in a file makes an object, none is read beyond its limit or waited for without end, and aliases that would grow
into millions of values, or into themselves, are refused before anything walks through them. What is wrong is told by
its line, never by its text, which may be a password.
"""

import os
import select
import stat
import time
from pathlib import Path
from typing import Any

import yaml

MOST_BYTES = 16_000_000
"""Of a file: a hundred thousand sentences."""
MOST_DEPTH = 32
"""Of values within values."""
MOST_VALUES = 1_000_000
"""In a file, with everything that its aliases stand for."""
MOST_DIGITS = 64
"""Of a number."""
PATIENCE_SECONDS = 30.0
"""What comes out of a pipe must have come by then."""


class NotReadable(Exception):
    """No YAML, or not such as people write; the text says where and why, in one line."""


class UniqueKeys(yaml.SafeLoader):
    """YAML in which no key may stand twice, since the first of two would silently be lost, within bounds."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._depth = 0
        self._sizes: dict[int, tuple[int, int]] = {}  # node -> how many values, how deep

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node and all that is in it, measured."""
        alias = self.check_event(yaml.AliasEvent)
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        self._depth += 1
        if self._depth > MOST_DEPTH:
            raise NotReadable(_at(mark, f"values are nested more than {MOST_DEPTH} deep"))
        node = super().compose_node(parent, index)
        self._depth -= 1
        if node is not None and not alias:
            self._sizes[id(node)] = self._measured(node, mark)
        elif node is not None and id(node) not in self._sizes:
            raise NotReadable(_at(mark, "an alias stands within what it stands for"))
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """A mapping of this node."""
        seen: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in seen:
                raise NotReadable(_at(key.start_mark, f"{key.value[:80]!r} stands twice"))
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """A number of a length that takes no time to read."""
        if len(node.value) > MOST_DIGITS:
            raise NotReadable(_at(node.start_mark, f"a number has more than {MOST_DIGITS} digits"))
        return int(super().construct_yaml_int(node))

    def _measured(self, node: yaml.Node, mark: Any) -> tuple[int, int]:
        pairs = node.value if isinstance(node, yaml.CollectionNode) else ()
        parts = [part for pair in pairs for part in (pair if isinstance(pair, tuple) else (pair,))]
        sizes = [self._sizes[id(part)] for part in parts]
        values, depth = 1 + sum(size for size, _ in sizes), 1 + max((deep for _, deep in sizes), default=0)
        if values > MOST_VALUES or depth > MOST_DEPTH:
            raise NotReadable(_at(mark, "aliases make it larger than a file that people write"))
        return values, depth


UniqueKeys.add_constructor("tag:yaml.org,2002:int", UniqueKeys.construct_yaml_int)


def read_yaml(path: Path, most_bytes: int = MOST_BYTES) -> Any:
    """What a file, or a pipe, holds.

    Raises:
        OSError: it cannot be read.
        NotReadable: it is longer than `most_bytes`, comes too slowly, or is no YAML.
    """
    content = _read(path, most_bytes)
    try:
        return parse_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NotReadable(f"byte {error.start} is not UTF-8") from error


def parse_yaml(text: str) -> Any:
    """What a text holds.

    Raises:
        NotReadable: it is no YAML.
    """
    try:
        return yaml.load(text, UniqueKeys)
    except NotReadable:
        raise
    except yaml.MarkedYAMLError as error:
        raise NotReadable(_at(error.problem_mark or error.context_mark, _problem(error))) from None
    except yaml.YAMLError as error:
        raise NotReadable("it holds a sign that YAML does not allow") from error
    except Exception as error:  # what a value leads to that its tag does not fit, as `!!int x`, or the 99th of a month
        raise NotReadable(f"a value cannot be read as what it is written as ({type(error).__name__})") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """In PyYAML's words, but where these hold the file's."""
    told = str(error.problem)
    if isinstance(error, yaml.composer.ComposerError | yaml.constructor.ConstructorError) and "'" in told:
        return "put a text that begins with &, * or ! in quotes, and use no tags"
    return told


def _at(mark: Any, said: str) -> str:
    return said if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: {said}"


def _read(path: Path, most: int) -> bytes:
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # a pipe without a writer would hold us
    try:
        if stat.S_ISDIR(os.fstat(handle).st_mode):
            raise IsADirectoryError(21, "Is a directory", str(path))
        return _drained(handle, most)
    finally:
        os.close(handle)


def _drained(handle: int, most: int) -> bytes:
    content, deadline = bytearray(), time.monotonic() + PATIENCE_SECONDS
    waiting = select.poll()
    waiting.register(handle, select.POLLIN)
    while True:
        if not waiting.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise NotReadable(f"it did not come within {PATIENCE_SECONDS:g} s")
        chunk = os.read(handle, 1 << 16)
        content += chunk
        if not chunk:
            return bytes(content)
        if len(content) > most:
            raise NotReadable(f"it is longer than {most / 1e6:g} MB")
