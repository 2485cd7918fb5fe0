"""How the whole daemon is doing at one moment: what control and HTTP tell, from any thread."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mgcld.data import Event, SourceStatus
from mgcld.service import wire
from mgcld.service.wire import Meta, NodeStatus


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """How one sink is doing."""

    name: str
    waiting: int
    """Messages in its queue."""
    dropped: int
    """Messages that it was too slow for, so far."""
    failures: int
    """Messages that it raised an exception over, so far."""
    facts: Mapping[str, Any]
    """What it says of itself (`mgcld.interfaces.Describing`)."""


@dataclass(frozen=True, slots=True)
class BusStatus:
    """How the bus is doing."""

    endpoint: str
    published: Mapping[str, int]
    """Kind -> messages sent so far."""
    dropped: int
    """Messages that left the queue unsent, so far."""
    handshakes_failed: int
    """Connections that were refused: wrong or no key, or no ZeroMQ at all, so far."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything that a person or a machine may want to know."""

    node: str
    boot_id: str
    started_ns: int
    """When the daemon was started (nanoseconds since the Unix epoch, UTC)."""
    ready: bool
    """The model is warm and the sockets are bound, and it is not on its way out."""
    turned_seconds: float
    """Since the loop turned last."""
    stuck: bool
    """It has not turned for so long that something hangs."""
    meta: Meta
    status: NodeStatus
    sources: Sequence[SourceStatus]
    events: Sequence[Event]
    """Those that are open."""
    sinks: Sequence[SinkStatus]
    bus: BusStatus

    def as_json(self) -> dict[str, Any]:
        """As control and HTTP show it: `meta`, `health` and `event` bodies as on the bus."""
        return {
            "node": self.node,
            "boot_id": self.boot_id,
            "started_ns": self.started_ns,
            "ready": self.ready,
            "turned_seconds": round(self.turned_seconds, 3),
            "stuck": self.stuck,
            "meta": dict(wire.meta(self.meta).body),
            "health": dict(wire.node_health(self.status).body),
            "sources": {status.source: dict(wire.source_health(status).body) for status in self.sources},
            "events": [{"source": event.source, **wire.event(event).body} for event in self.events],
            "sinks": {
                sink.name: {
                    "waiting": sink.waiting,
                    "dropped": sink.dropped,
                    "failures": sink.failures,
                    "facts": dict(sink.facts),
                }
                for sink in self.sinks
            },
            "bus": {
                "endpoint": self.bus.endpoint,
                "published": dict(self.bus.published),
                "dropped": self.bus.dropped,
                "handshakes_failed": self.bus.handshakes_failed,
            },
        }
