"""`explanations.yaml` beside the shots: what stands there stays as it is, what is new goes behind it."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from mgcld.errors import SupportSetError
from mgcld.handwritten import NotReadable, UniqueKeys, parse_yaml
from mgcld.training.support import EXPLANATIONS, MADE

HEADER = """\
# What each class sounds like: `mgcld train` reads these sentences. Change them, add some, take some away.
# `mgcld explain` adds classes that are not here yet, and leaves the others alone unless it is told --again.
"""
BLOCK = "write each class as `name:`, and below it a list of sentences, each behind `- `"


def file_of(folder: Path) -> Path:
    """The file of a support folder, whether it is there or not.

    Raises:
        SupportSetError: there are two of them.
    """
    found = [folder / name for name in EXPLANATIONS if (folder / name).exists()]
    if len(found) > 1:
        raise SupportSetError(f"there are two files of explanations: {found[0]} and {found[1]}", help="make them one")
    return found[0] if found else folder / EXPLANATIONS[0]


def sentences_of(text: str, name: str) -> tuple[str, ...]:
    """What a file's text says about a class; nothing where it says nothing."""
    own = _content(text).get(name)
    return tuple(map(str, own)) if isinstance(own, list) else ()


def makers_of(text: str) -> Mapping[str, str]:
    """Class -> by whom its sentences were made, for those that `mgcld explain` added."""
    return {name: str(batch.get("by")) for batch in _batches(_content(text)) for name in batch["classes"]}


def added(text: str, name: str, sentences: Sequence[str], origin: Mapping[str, str]) -> str:
    """A file's text with sentences about one class behind all others, and no more with what stood there about it.

    Comments and everything else stay; `origin` is noted at the end of the file.

    Raises:
        SupportSetError: the file is written so that this cannot be done without changing more.
    """
    before = _content(text)
    batches = _noted(_batches(before), name, origin)
    kept = _without(text, (name, MADE)).rstrip()
    blocks = [kept or HEADER.rstrip(), _block({name: list(sentences)}, 10_000), _block({MADE: batches}, 110)]
    after = "\n\n".join(blocks) + "\n"
    others = {key: value for key, value in before.items() if key not in (name, MADE)}
    if not _is_content(after, {**others, name: list(sentences), MADE: batches}):
        raise SupportSetError(f"{name!r} cannot be added without changing what else stands there", help=BLOCK)
    return after


def _is_content(text: str, wanted: Mapping[Any, Any]) -> bool:
    try:
        return bool(parse_yaml(text) == wanted)
    except NotReadable:
        return False


def _content(text: str) -> dict[Any, Any]:
    try:
        content = parse_yaml(text) or {}
    except NotReadable as error:
        raise SupportSetError(f"the explanations would not be YAML: {error}", help=BLOCK) from error
    if not isinstance(content, dict):
        raise SupportSetError("the explanations are not a mapping", help=BLOCK)
    return content


def _batches(content: Mapping[Any, Any]) -> list[dict[str, Any]]:
    """What was noted about classes, those together about which the same was noted."""
    noted = content.get(MADE)
    batches = noted if isinstance(noted, list) else []
    return [batch for batch in batches if isinstance(batch, dict) and isinstance(batch.get("classes"), list)]


def _noted(batches: Sequence[Mapping[str, Any]], name: str, origin: Mapping[str, str]) -> list[dict[str, Any]]:
    new: dict[str, Any] = {"classes": [name], **origin}
    others = []
    for batch in batches:
        classes = [own for own in batch["classes"] if own != name]
        if {**batch, "classes": 0} == {**new, "classes": 0}:
            new["classes"] = [*classes, name]
        elif classes:
            others.append({**batch, "classes": classes})
    return [*others, new]


def _block(content: Mapping[str, Any], width: int) -> str:
    return yaml.safe_dump(dict(content), allow_unicode=True, sort_keys=False, width=width).rstrip()


def _without(text: str, names: Collection[str]) -> str:
    """The text without these classes, line by line, with the blank lines that follow them."""
    root = yaml.compose(text, Loader=UniqueKeys)
    if not isinstance(root, yaml.MappingNode):
        return text
    for start, end in reversed([_span(text, key, value) for key, value in root.value if key.value in names]):
        while text[end : _line_end(text, end)].isspace():
            end = _line_end(text, end)
        text = text[:start] + text[end:]
    return text


def _span(text: str, key: yaml.Node, value: yaml.Node) -> tuple[int, int]:
    """From a key to the end of the line in which its value ends: comments behind it belong to what follows."""
    start = text.rfind("\n", 0, key.start_mark.index) + 1
    mark = max((node.end_mark for node in _written(value)), key=lambda mark: mark.index)
    return start, _line_end(text, mark.index) if mark.column else mark.index


def _line_end(text: str, place: int) -> int:
    return text.find("\n", place) + 1 or len(text)


def _written(node: yaml.Node) -> Iterator[yaml.Node]:
    """Scalars, and lists in brackets: what ends where it seems to end."""
    if not isinstance(node, yaml.CollectionNode) or node.flow_style:
        yield node
        return
    for child in node.value:
        for part in child if isinstance(child, tuple) else (child,):
            yield from _written(part)
