"""What the README says of the bus is what the schemas say: every topic, field and closed list, and no other."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from mgcld.schemas import KINDS, schema
from mgcld.service import wire

TESTS = Path(__file__).parents[1]
SECTION = (TESTS.parent / "README.md").read_text(encoding="utf-8").split("## Listen to it", 1)[1].split("\n## ", 1)[0]
TOLD = {
    label: fields
    for label, fields in re.findall(r"^- ([^:\n]+): (.*?)\.$(?=\n- |\n\n)", SECTION, re.MULTILINE | re.DOTALL)
}
PARENTHESES = re.compile(r"\([^()]*\)")


def fields_of(label: str) -> Mapping[str, Any]:
    """The fields that the schemas have where the README says `label`, but for those of every header."""
    kind = label.split("`")[1] if "`" in label else "meta"
    whole = schema(kind)  # type: ignore[arg-type]
    if label == "Every header":
        return {name: {} for name in wire.STAMP}
    if "header" in label:
        fields = whole["properties"]["header"]["properties"]
        return {name: field for name, field in fields.items() if name not in wire.STAMP}
    variants = whole.get("$defs", {"source": whole["properties"]["body"]})
    body: dict[str, Any] = variants["node" if "of the node" in label else "source"]["properties"]
    return body


def test_every_part_of_every_kind_is_told() -> None:
    with_header = [kind for kind in KINDS if len(schema(kind)["properties"]["header"]["properties"]) > len(wire.STAMP)]
    headers, bodies = ([f"`{kind}` {part}" for kind in of] for part, of in (("header", with_header), ("body", KINDS)))
    assert sorted(TOLD) == sorted(["Every header", *headers, *bodies, "`health` body of the node"])


@pytest.mark.parametrize("label", TOLD)
def test_the_fields_that_are_told_are_those_that_are_sent(label: str) -> None:
    named = re.findall(r"`(\w+)`", PARENTHESES.sub("", TOLD[label]))
    assert sorted(named) == sorted(fields_of(label))


@pytest.mark.parametrize("label", TOLD)
def test_a_closed_list_is_told_whole(label: str) -> None:
    """But for why a source is not live: those are many, and `mgcld schema health` tells them."""
    for name, field in fields_of(label).items():
        values = [value for value in field.get("enum", field.get("items", {}).get("enum", [])) if value is not None]
        if values and (label, name) != ("`health` body", "reason"):
            told = re.search(rf"`{name}`\s\(([^()]*)\)", TOLD[label])
            assert told and re.findall(r"`(\w+)`", told[1]) == values


def test_every_topic_is_told() -> None:
    told = [re.sub(r"<\w+>", "[^/]+", topic) for topic in re.findall(r"`(mgcl/v1/\S+)` ?[|,]", SECTION)]
    sent = [json.loads(path.read_text(encoding="utf-8"))["topic"] for path in (TESTS / "golden").glob("*.json")]
    assert len(told) == 5
    assert all(any(re.fullmatch(pattern, topic) for pattern in told) for topic in sent)
    assert all(any(re.fullmatch(pattern, topic) for topic in sent) for pattern in told)
