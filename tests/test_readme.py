"""The README shows what is true: its examples are the ones that tests run, its tables name what is sent."""

import re
from pathlib import Path

import numpy as np
import pytest

from mgcld.cli import app
from mgcld.data import Prediction, SourceStatus, Window
from mgcld.service import wire

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "begins_after"), [("subscribe.py", '"""\n\n'), ("subscribe.mjs", "\n\n")])
def test_the_subscribers_in_any_language_are_the_tested_ones(name: str, begins_after: str) -> None:
    example = (ROOT / "tests/examples" / name).read_text(encoding="utf-8")
    assert example.split(begins_after, 1)[1].strip() in README


def test_every_command_is_told() -> None:
    commands = {c.name or c.callback.__name__ for c in app.registered_commands if c.callback}
    assert commands <= set(re.findall(r"mgcld (\w+)", README))


def test_every_field_on_the_wire_is_told() -> None:
    window = Window("a", np.zeros(80, np.float32), 16, 0, 0, 0, "file", 0, 80, 0, None)
    sent = [
        wire.prob(window, Prediction(("x",), (0.5,), 0.5, {}, "a sentence"), latency_ms={"queue": 1.0}, adapter="0"),
        wire.source_health(SourceStatus("a", "live", 0)),
        wire.node_health(wire.NodeStatus(None, 0, 0.0, 0, None, {})),
        wire.meta(wire.Meta(["x"], [0.5], "mini", None, "0", 5.0, 5.0)),
    ]
    stamped = [wire.Stamper("node").stamp(message) for message in sent]
    told = set(re.findall(r"`(\w+)`", README))
    assert {key for message in stamped for key in (*message.header, *message.body)} - told == set()


def test_every_file_that_the_readme_names_exists() -> None:
    for name in re.findall(r"\]\(([\w./-]+)\)", README):
        assert (ROOT / name).exists(), name
