"""What of another configuration a running daemon takes over."""

from pathlib import Path
from typing import Any

import pytest

from mgcld.config import Config
from mgcld.service.change.changes import LIVE, changes

BASE: dict[str, Any] = {
    "adapter": "a.safetensors",
    "sources": {"kitchen": "rtsp://192.0.2.1/1", "garden": {"type": "rtsp", "url": "rtsp://192.0.2.2/1"}},
    "sinks": {"log": {"type": "jsonl", "path": "events.jsonl"}},
}


def config(base: Path = Path(), **options: Any) -> Config:
    return Config.model_validate({**BASE, **options}, context={"base": base})


def test_the_same_file_read_again_changes_nothing() -> None:
    found = changes(config(), config())
    assert (found.fields, found.sources, found.sinks, found.named, found.restart_needed) == ((), (), (), [], [])


def test_only_the_source_that_differs_is_another() -> None:
    sources = {**BASE["sources"], "garden": "rtsp://192.0.2.2/2", "yard": "rtsp://192.0.2.3/1"}
    found = changes(config(), config(sources=sources))
    assert found.sources == ("garden", "yard")
    assert found.named == ["sources.garden", "sources.yard"]


def test_a_source_that_is_gone_is_named() -> None:
    found = changes(config(), config(sources={"kitchen": BASE["sources"]["kitchen"]}))
    assert found.sources == ("garden",)


def test_another_order_of_sources_touches_none() -> None:
    turned = dict(reversed(BASE["sources"].items()))
    assert changes(config(), config(sources=turned)).sources == ()


@pytest.mark.parametrize("option", [{"hop_seconds": 1.0}, {"stall_seconds": 30.0}])
def test_an_option_of_all_sources_makes_all_of_them_others(option: dict[str, float]) -> None:
    found = changes(config(), config(**option))
    assert found.sources == ("garden", "kitchen")
    assert not found.restart_needed


def test_a_sink_is_another_where_its_paths_start_elsewhere() -> None:
    assert changes(config(), config(base=Path("/etc"))).sinks == ("log",)


@pytest.mark.parametrize("option", [{"adapter": "b"}, {"captioner": "none"}, {"caption_seconds": 1.0}])
def test_the_model_is_another(option: dict[str, Any]) -> None:
    found = changes(config(), config(**option))
    assert found.model
    assert not found.sources
    assert not found.restart_needed


@pytest.mark.parametrize(
    "option",
    [
        {"node": "other"},
        {"encoder": "clap"},
        {"publish": {"endpoint": "tcp://127.0.0.1:1"}},
        {"http": {}},
        {"max_batch": 1},
    ],
)
def test_what_needs_a_restart_is_said_and_not_counted_as_changed(option: dict[str, Any]) -> None:
    found = changes(config(), config(**option))
    assert found.restart_needed == [*option]
    assert found.named == []


def test_every_option_is_known_to_be_live_or_not() -> None:
    assert Config.model_fields.keys() >= LIVE


def test_only_what_somebody_touched_is_named() -> None:
    sources = {**BASE["sources"], "garden": "rtsp://192.0.2.2/2"}
    assert changes(config(), config(hop_seconds=1.0, sources=sources)).named == ["hop_seconds", "sources.garden"]
