"""Messages for tests of whoever listens, and a publisher in a process of its own that can be killed."""

from mgcld.data import Event, Message, Phase
from mgcld.service import wire

SECOND_NS = 1_000_000_000
ON_NS = 1_700_000_000_500_000_000
BODY = {"p": [0.75, 0.0], "unknown": 0.25, "top": [["siren", 0.75], ["unknown", 0.25], ["rain", 0.0]]}
PUBLISHING = """
import sys, time
sys.path.insert(0, sys.argv[2])
from bus_messages import meta, prob
from mgcld.service import wire
from mgcld.service.bus.publisher import Publisher
stamper = wire.Stamper("attic")
with Publisher(sys.argv[1]) as bus:
    print(bus.endpoint, stamper.boot_id)
    bus.publish(stamper.stamp(meta()))
    while True:
        bus.publish(stamper.stamp(prob()))
        time.sleep(0.05)
"""
"""Its arguments: the endpoint, the folder of this file. It prints its endpoint and boot_id, then publishes for ever."""


def prob(source: str = "mic1") -> Message:
    header = {"source": source, "t_start_ns": ON_NS, "t_end_ns": ON_NS + 5 * SECOND_NS}
    return Message("prob", wire.topic("prob", source), header, BODY)


def event(name: str = "siren", phase: Phase = "start", source: str = "mic1") -> Message:
    record = Event(
        id="01HF7YAT00ABCDEFGHJKMNPQRS",
        source=source,
        name=name,
        phase=phase,
        t_on_ns=ON_NS,
        t_heard_ns=ON_NS + 5 * SECOND_NS,
        p_max=0.9,
        p_mean=0.8,
        windows=2,
        threshold_on=0.6,
        threshold_off=0.4,
        clock="adc",
        clock_uncertainty_ns=1_000_000,
        adapter="0a1b2c3d",
        reason="quiet" if phase == "end" else None,
    )
    return wire.event(record)


def meta() -> Message:
    return wire.meta(wire.Meta(["siren", "rain"], [0.5, 0.5], "mini", None, "0a1b", 5.0, 5.0))


def node() -> Message:
    return wire.node_health(wire.NodeStatus(None, 0, 0.0, 1, None, {"live": 1}))
