"""Messages about events, as the daemon makes them; for tests and for the processes that they kill."""

from typing import Any

from mgcld.data import Event, Message
from mgcld.service import wire


class Events:
    """Those of one start of the daemon."""

    def __init__(self) -> None:
        self.stamper = wire.Stamper("node")

    def __call__(self, id: str, phase: Any = "start", name: str = "dog", **more: Any) -> Message:
        fields: dict[str, Any] = {
            "source": "yard",
            "t_on_ns": 1,
            "t_heard_ns": 2,
            "p_max": 0.9,
            "p_mean": 0.8,
            "windows": 1,
            "threshold_on": 0.5,
            "threshold_off": 0.3,
            "clock": "adc",
            "clock_uncertainty_ns": 0,
            "adapter": "abc",
            "reason": "quiet" if phase == "end" else None,
        }
        return self.stamper.stamp(wire.event(Event(id=id, name=name, phase=phase, **fields | more)))
