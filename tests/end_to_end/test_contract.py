"""What a running daemon sends is what its schemas say, whatever it sends."""

import json
from pathlib import Path

from jsonschema import Draft202012Validator
from test_daemon import endpoint_of, run, subscriber

from mgcld.schemas import KINDS, schema
from mgcld.service import wire

VALIDATORS = {f"mgcl.{kind}/{wire.VERSION}": Draft202012Validator(schema(kind)) for kind in KINDS}
PROBS = 8
NEEDED = {
    *("mgcl/v1/prob/room/", "mgcl/v1/health/node/", "mgcl/v1/meta/"),
    *("mgcl/v1/health/room/", "mgcl/v1/health/quick/"),
}


def test_everything_that_a_daemon_sends_is_what_its_schema_says(demo: Path) -> None:
    """One source goes on, in real time, and one is over at once."""
    sound = demo / "soundscape.flac"
    sources = (f"--source=room={sound}?loop=true", f"--source=quick={sound}?pace=max")
    topics: list[str] = []
    with run(demo, *sources, "--hop", "0.5", "--quiet") as daemon, subscriber(endpoint_of(daemon), "") as ear:
        while not {*topics} >= NEEDED or topics.count("mgcl/v1/prob/room/") < PROBS:
            message = json.loads(ear.line(timeout=60))
            VALIDATORS[message["header"]["schema"]].validate(message)
            topics.append(message["topic"])
            assert len(topics) < 2000, {*topics}
    print(f"{len(topics)} messages of {len({*topics})} topics")
