"""`mgcld schema`: the schemas, where whoever writes a subscriber has nothing but the program."""

import json

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from mgcld.cli import app
from mgcld.schemas import KINDS, schema


@pytest.mark.parametrize("kind", KINDS)
def test_one_kind_is_one_schema(kind: str) -> None:
    said = json.loads(CliRunner().invoke(app, ["schema", kind]).stdout)
    Draft202012Validator.check_schema(said)
    assert said["title"] == f"mgcl.{kind}/1"


def test_without_a_kind_there_are_all() -> None:
    said = json.loads(CliRunner().invoke(app, ["schema"]).stdout)
    assert said == {kind: schema(kind) for kind in KINDS}


def test_a_kind_that_is_none_is_refused() -> None:
    result = CliRunner().invoke(app, ["schema", "gossip"])
    assert result.exit_code == 2
    assert "'event'" in result.stderr
