"""A daemon's state, as tests of what tells it need it."""

from mgcld.data import Event, SourceStatus, Transition
from mgcld.service.snapshot import BusStatus, SinkStatus, Snapshot
from mgcld.service.wire import Meta, NodeStatus

META = Meta(
    classes=("dog", "kettle"),
    thresholds=(0.5, 0.6),
    encoder="mini",
    captioner=None,
    adapter="abc123",
    window_seconds=5.0,
    hop_seconds=2.5,
)
NODE = NodeStatus(
    realtime_factor=0.25,
    queue_depth=3,
    windows_per_s=1.5,
    rss_bytes=400_000_000,
    gpu_bytes=None,
    sources={"live": 1, "lost": 1},
    load=0.5,
    batches={1: 3, 4: 2, 7: 1},
)
MIC = SourceStatus(
    source="mic",
    state="live",
    since_ns=1_000,
    restarts=3,
    restarts_by_reason={"dns": 1, "timeout": 2},
    received_bytes=640_000,
    received_ns=1_700_000_000_500_000_000,
    level_dbfs=-31.5,
    drops=4,
    gaps=2,
    gap_seconds=1.25,
    facts={"codec": "aac", "sender_clock_offset_seconds": -0.5},
    history=(Transition(1, "connecting", None), Transition(1_000, "live", None)),
)
GARDEN = SourceStatus(
    source="garden", state="lost", since_ns=2_000, reason="auth", hint="the password?", alarm_since_ns=9
)
EVENT = Event(
    id="01J0000000000000000000000A",
    source="mic",
    name="dog",
    phase="start",
    t_on_ns=1_700_000_000_000_000_000,
    t_heard_ns=1_700_000_005_000_000_000,
    p_max=0.9,
    p_mean=0.8,
    windows=1,
    threshold_on=0.5,
    threshold_off=0.3,
    clock="adc",
    clock_uncertainty_ns=0,
    adapter="abc123",
)
SNAPSHOT = Snapshot(
    node="attic",
    boot_id="boot",
    started_ns=1_699_999_000_000_000_000,
    ready=True,
    turned_seconds=0.1,
    stuck=False,
    meta=META,
    status=NODE,
    sources=(MIC, GARDEN),
    events=(EVENT,),
    sinks=(
        SinkStatus("log", 0, 1, 2, {}),
        SinkStatus("hook", 5, 0, 0, {"delivered": 7, "failed": 3, "dropped": 4, "refused": 2, "waiting": 11}),
    ),
    bus=BusStatus("tcp://127.0.0.1:5765", {"prob": 20, "health": 5}, 6, 8),
)
