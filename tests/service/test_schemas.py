"""The schemas say what is sent: every message that the records can make, and nothing that they cannot."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from any_records import CLOCKS, ENDS, FLAGS, PHASES, STATES, messages
from hypothesis import given, settings
from jsonschema import Draft202012Validator

from mgcld.data import Event, Message
from mgcld.errors import REASONS
from mgcld.schemas import KINDS, schema
from mgcld.service import wire

SCHEMAS: Mapping[str, dict[str, Any]] = {kind: schema(kind) for kind in KINDS}
VALIDATORS: Mapping[str, Draft202012Validator] = {kind: Draft202012Validator(SCHEMAS[kind]) for kind in KINDS}
UNITS = {"_ns": "nanoseconds", "_dbfs": "dB", "_seconds": "seconds", "_bytes": "bytes"}


def as_object(message: Message) -> dict[str, Any]:
    return {"topic": message.topic, "header": dict(message.header), "body": dict(message.body)}


def fields(of: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(name, its schema) of everything that has one, however deep."""
    for name, inner in of.get("properties", {}).items():
        yield name, inner
    for inner in (*of.get("properties", {}).values(), *of.get("$defs", {}).values()):
        yield from fields(inner)


@settings(deadline=None, max_examples=300)
@given(messages)
def test_every_message_that_the_records_make_is_what_its_schema_says(message: Message) -> None:
    sent = wire.Stamper("attic").stamp(message)
    received = wire.parse(wire.frames(sent))
    assert received == sent
    VALIDATORS[message.kind].validate(as_object(received))


@pytest.mark.parametrize("kind", KINDS)
def test_a_schema_is_one_and_tells_of_every_field_with_its_unit(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])
    told = [*fields(SCHEMAS[kind])]
    assert len(told) > 10
    for name, field in told:
        assert field["description"].endswith("."), name
        for unit in (UNITS[ending] for ending in UNITS if name.endswith(ending)):
            assert unit in field["description"], name


def test_closed_lists_are_those_of_the_records() -> None:
    prob, event = SCHEMAS["prob"]["properties"], SCHEMAS["event"]["properties"]
    assert prob["header"]["properties"]["flags"]["items"]["enum"] == [*FLAGS]
    for header in (prob["header"], event["header"]):
        assert header["properties"]["clock"]["enum"] == [*CLOCKS]
    assert event["body"]["properties"]["phase"]["enum"] == [*PHASES]
    assert event["body"]["properties"]["reason"]["enum"] == [*ENDS, None]
    source, node = (SCHEMAS["health"]["$defs"][variant]["properties"] for variant in ("source", "node"))
    step = source["history"]["items"]["prefixItems"]
    assert source["state"]["enum"] == step[1]["enum"] == node["sources"]["propertyNames"]["enum"] == [*STATES]
    assert source["reason"]["enum"] == step[2]["enum"] == [*REASONS, None]
    assert source["history"]["maxItems"] == wire.HISTORY
    assert prob["body"]["properties"]["top"]["maxItems"] == wire.TOP


def test_what_every_header_holds_is_told_alike_everywhere() -> None:
    headers = [schema(kind)["properties"]["header"] for kind in KINDS]
    for name in wire.STAMP:
        assert all(name in header["required"] for header in headers)
        told = [header["properties"][name] for header in headers]
        if name == "schema":
            assert [field.pop("const") for field in told] == [f"mgcl.{kind}/{wire.VERSION}" for kind in KINDS]
        assert told == told[:1] * len(told)


def end() -> dict[str, Any]:
    return as_object(wire.Stamper("attic").stamp(wire.event(EVENT)))


EVENT = Event(
    *("01HF7YAT00ABCDEFGHJKMNPQRS", "mic1", "siren", "end", 1, 2, 0.9, 0.8, 2, 0.6, 0.4, "adc", 1, "0a"),
    reason="gap",
)


def test_an_addition_is_right() -> None:
    message = end() | {"kind": "event", "lost": 0}
    message["body"]["new"], message["header"]["new"] = [1], None
    VALIDATORS["event"].validate(message)


@pytest.mark.parametrize(
    ("frame", "field", "value"),
    [
        ("header", "seq", -1),
        ("header", "seq", 0.5),
        ("header", "schema", "mgcl.event/2"),
        ("header", "clock", "sundial"),
        ("header", "t_pub_ns", None),
        ("body", "id", "01HF7YAT00ABCDEFGHJKMNPQRU"),
        ("body", "phase", "middle"),
        ("body", "phase", "start"),
        ("body", "t_off_ns", None),
        ("body", "reason", None),
        ("body", "reason", "boredom"),
        ("body", "p_max", 1.1),
        ("body", "p_max", "0.9"),
    ],
)
def test_what_is_wrong_is_refused(frame: str, field: str, value: Any) -> None:
    message = end()
    VALIDATORS["event"].validate(message)
    message[frame][field] = value
    assert not VALIDATORS["event"].is_valid(message)


@pytest.mark.parametrize("field", ["id", "reason"])
def test_what_is_missing_is_noticed(field: str) -> None:
    message = end()
    del message["body"][field]
    assert not VALIDATORS["event"].is_valid(message)


def test_a_topic_is_of_its_kind() -> None:
    for topic in ("mgcl/v1/event/mic1/", "mgcl/v1/prob/mic1/", "mgcl/v1/event/mic1/a/b/", "mgcl/v1/event/mic1/siren"):
        assert not VALIDATORS["event"].is_valid(end() | {"topic": topic})
