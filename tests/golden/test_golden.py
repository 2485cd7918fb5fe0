"""What went over the wire once still does, byte by byte; and the golden files hold all that there is."""

import json
from typing import Any

import pytest
from golden_frames import FOLDER, MESSAGES, as_object, broken, stamped
from jsonschema import Draft202012Validator

from mgcld.data import Message
from mgcld.schemas import KINDS, schema
from mgcld.service import wire

FILES = {path.stem: path for path in FOLDER.glob("*.json")}
HELP = "only additions? python tests/golden/golden_frames.py; anything else breaks subscribers, and is a new version"


def golden(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(FILES[name].read_text(encoding="utf-8"))
    return loaded


def as_bytes(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def test_every_kind_and_every_message_has_its_file() -> None:
    assert FILES.keys() == MESSAGES.keys()
    assert {golden(name)["topic"].split("/")[2] for name in FILES} == {*KINDS}


@pytest.mark.parametrize("name", MESSAGES)
def test_the_frames_are_the_golden_ones(name: str) -> None:
    told = golden(name)
    assert broken(told, as_object(MESSAGES[name])) == [], HELP
    expected = [told["topic"].encode(), as_bytes(told["header"]), as_bytes(told["body"])]
    assert wire.frames(stamped(MESSAGES[name])) == expected, HELP


@pytest.mark.parametrize("name", MESSAGES)
def test_a_golden_message_is_what_its_schema_says_and_is_understood(name: str) -> None:
    told = golden(name)
    message = wire.parse([told["topic"].encode(), as_bytes(told["header"]), as_bytes(told["body"])])
    assert message == Message(message.kind, told["topic"], told["header"], told["body"])
    Draft202012Validator(schema(message.kind)).validate(told)


@pytest.mark.parametrize("name", MESSAGES)
def test_the_golden_messages_hold_every_field_that_their_schema_names(name: str) -> None:
    told = golden(name)
    whole = schema(told["topic"].split("/")[2])
    body = whole["properties"]["body"]
    if "$defs" in whole:
        body = whole["$defs"]["source" if "state" in told["body"] else "node"]
    optional = body["properties"].keys() - {*body["required"]}
    assert told["header"].keys() == whole["properties"]["header"]["properties"].keys()
    assert told["body"].keys() | optional == body["properties"].keys()


@pytest.mark.parametrize("name", MESSAGES)
def test_a_change_of_anything_that_stands_there_is_noticed_and_an_addition_is_none(name: str) -> None:
    told = golden(name)
    for frame in ("header", "body"):
        for key, value in told[frame].items():
            for changed in ({**told[frame], key: "another"}, {k: told[frame][k] for k in told[frame] if k != key}):
                assert broken(told, {**told, frame: changed}) == [f"/{frame}/{key}"], value
        assert broken(told, {**told, frame: {**told[frame], "new": 1}}) == []


def test_a_number_that_becomes_another_kind_of_number_is_a_change() -> None:
    assert broken({"seq": 0, "latency": {"queue": 1.0}}, {"seq": False, "latency": {"queue": 1}}) == [
        "/seq",
        "/latency/queue",
    ]
