"""Messages as the daemon makes them."""

from collections.abc import Sequence

from mgcld.data import EndReason, Event, Message, Phase, Prediction, SourceStatus, State
from mgcld.service import wire
from mgcld.service.wire import Meta, Stamper

AT_NS = 1_700_000_000_000_000_000


class Daemon:
    """Stamps what happens."""

    def __init__(self, node: str = "attic") -> None:
        self._stamper = Stamper(node)
        self._ids = 0

    def event(
        self,
        phase: Phase = "start",
        name: str = "dog",
        source: str = "mic",
        id: str | None = None,
        reason: EndReason | None = None,
    ) -> Message:
        """Of a new id, if none is given."""
        if id is None:
            self._ids += 1
            id = f"01HV{self._ids:022d}"
        end = AT_NS + 5_000_000_000
        record = Event(id, source, name, phase, AT_NS, end, 0.9, 0.8, 1, 0.5, 0.3, "adc", 1000, "abcdef", reason=reason)
        return self._stamper.stamp(wire.event(record))

    def meta(self, *classes: str, sources: Sequence[str] | None = None) -> Message:
        message = wire.meta(Meta(classes, [0.5] * len(classes), "mini", "tags", "abcdef", 5.0, 5.0))
        body = {name: value for name, value in message.body.items() if name != "sources"}
        body |= {} if sources is None else {"sources": [*sources]}
        return self._stamper.stamp(Message(message.kind, message.topic, message.header, body))

    def health(self, source: str = "mic", state: State = "live") -> Message:
        return self._stamper.stamp(wire.source_health(SourceStatus(source, state, AT_NS)))

    def node(self) -> Message:
        return self._stamper.stamp(wire.node_health(wire.NodeStatus(0.1, 0, 0.2, 1, None, {"live": 1})))

    def prob(self, source: str = "mic") -> Message:
        import numpy as np

        from mgcld.data import Window

        samples = np.zeros(8000, np.float32)
        window = Window(source, samples, 8000, 0, 0, AT_NS, "adc", 1000, 8000, 0, -20.0)
        prediction = Prediction(("dog",), (0.9,), 0.1)
        return self._stamper.stamp(wire.prob(window, prediction, latency_ms={"queue": 0.1}, adapter="abcdef"))
