"""What is told at once over the control socket, from a snapshot."""

from collections.abc import Callable, Mapping
from typing import Any

from mgcld.data import SourceStatus
from mgcld.service import wire
from mgcld.service.snapshot import SinkStatus, Snapshot

TROUBLES = ("failed", "refused", "dropped", "reason")
"""Of a sink's facts, what a person should see."""


def status(snapshot: Snapshot) -> dict[str, Any]:
    """The daemon in short: does it work, on what, and what is wrong."""
    meta, node = wire.meta(snapshot.meta).body, wire.node_health(snapshot.status).body
    return {
        "node": snapshot.node,
        "boot_id": snapshot.boot_id,
        "started_ns": snapshot.started_ns,
        "ready": snapshot.ready,
        "stuck": snapshot.stuck,
        "turned_seconds": round(snapshot.turned_seconds, 3),
        "endpoint": snapshot.bus.endpoint,
        **{key: meta[key] for key in ("mgcld", "encoder", "captioner", "adapter", "window_seconds", "hop_seconds")},
        "classes": len(snapshot.meta.classes),
        **node,
        "events": [{"source": event.source, **wire.event(event).body} for event in snapshot.events],
        "sinks": {sink.name: troubles for sink in snapshot.sinks if (troubles := _troubles(sink))},
    }


def sources(snapshot: Snapshot) -> dict[str, Any]:
    """Each source's health, with all that is remembered of its history."""
    return {"sources": {each.source: _source(each) for each in snapshot.sources}}


def classes(snapshot: Snapshot) -> dict[str, Any]:
    """The classes in the order of `p`, each with the probability from which it counts as heard."""
    meta = wire.meta(snapshot.meta).body
    return {"adapter": meta["adapter"], "classes": meta["classes"], "thresholds": meta["thresholds"]}


TOLD: Mapping[str, Callable[[Snapshot], Mapping[str, Any]]] = {
    "status": status,
    "sources": sources,
    "classes": classes,
    "snapshot": Snapshot.as_json,
}
"""Request -> how it is answered; all others are orders."""


def _troubles(sink: SinkStatus) -> dict[str, Any]:
    """What a sink could not deliver, and why; empty where all is well."""
    told = {"dropped": sink.dropped, "failures": sink.failures}
    told |= {name: sink.facts[name] for name in TROUBLES if name in sink.facts and sink.facts[name] is not None}
    return {name: value for name, value in told.items() if value}


def _source(status: SourceStatus) -> dict[str, Any]:
    history = [[step.at_ns, step.state, step.reason] for step in status.history]
    return {**wire.source_health(status).body, "history": history}
