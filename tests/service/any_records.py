"""Hypothesis' strategies for the records that messages are made of, and for the messages."""

from typing import get_args

import numpy as np
from hypothesis import strategies as st

from mgcld.data import Clock, EndReason, Event, Flag, Phase, Prediction, SourceStatus, State, Transition, Window
from mgcld.errors import REASONS
from mgcld.service import wire

STATES, CLOCKS, FLAGS, PHASES, ENDS = map(get_args, (State, Clock, Flag, Phase, EndReason))

names = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
counts = st.integers(0, 2**63)
times = st.integers(0, 2**62)
shares = st.floats(0, 1)
levels = st.none() | st.floats(-200, 60) | st.just(-np.inf)
amounts = st.floats(0, 1e12)
reasons = st.none() | st.sampled_from(REASONS)
states = st.sampled_from(STATES)
windows = st.builds(
    Window,
    source=names,
    samples=st.just(np.zeros(16, np.float32)),
    sample_rate=st.integers(1, 400_000),
    first_sample=counts,
    epoch=counts,
    start_ns=times,
    clock=st.sampled_from(CLOCKS),
    clock_uncertainty_ns=counts,
    valid_samples=st.integers(0, 16),
    gap_samples=st.none() | counts,
    level_dbfs=levels,
    flags=st.frozensets(st.sampled_from(FLAGS)),
    dropped_windows=counts,
    peak_dbfs=levels,
)
predictions = st.lists(st.tuples(names, shares), max_size=8, unique_by=lambda pair: pair[0]).flatmap(
    lambda pairs: st.builds(
        Prediction,
        classes=st.just(tuple(name for name, _ in pairs)),
        p=st.just(tuple(p for _, p in pairs)),
        unknown=shares,
        caption=st.none() | names,
        caption_fresh=st.booleans(),
    )
)
latencies = st.fixed_dictionaries(dict.fromkeys(("queue", "encode", "adapt"), st.floats(-1e3, 1e9)))
events = st.sampled_from(PHASES).flatmap(
    lambda phase: st.builds(
        Event,
        id=st.text("0123456789ABCDEFGHJKMNPQRSTVWXYZ", min_size=25, max_size=25).map("0".__add__),
        source=names,
        name=names,
        phase=st.just(phase),
        t_on_ns=times,
        t_heard_ns=times,
        p_max=shares,
        p_mean=shares,
        windows=counts,
        threshold_on=shares,
        threshold_off=shares,
        clock=st.sampled_from(CLOCKS),
        clock_uncertainty_ns=counts,
        adapter=names,
        reason=st.sampled_from(ENDS) if phase == "end" else st.none(),
    )
)
statuses = st.builds(
    SourceStatus,
    source=names,
    state=states,
    since_ns=times,
    reason=reasons,
    hint=st.none() | names,
    restarts=counts,
    next_retry_ns=st.none() | times,
    alarm_since_ns=st.none() | times,
    silent_since_ns=st.none() | times,
    bytes_per_s=amounts,
    level_dbfs=levels,
    drops=counts,
    backlog_seconds=st.none() | amounts,
    lost_seconds=amounts,
    gaps=counts,
    gap_seconds=amounts,
    facts=st.dictionaries(names, st.none() | names | counts | st.lists(names, max_size=2), max_size=3),
    history=st.lists(st.builds(Transition, times, states, reasons), max_size=15).map(tuple),
)
nodes = st.builds(
    wire.NodeStatus,
    realtime_factor=st.none() | amounts,
    queue_depth=counts,
    windows_per_s=amounts,
    rss_bytes=counts,
    gpu_bytes=st.none() | counts,
    sources=st.dictionaries(states, counts),
    alarms=st.lists(names, max_size=3),
    dropped_messages=counts,
    skipped_captions=counts,
)
metas = st.lists(st.tuples(names, shares), max_size=5).flatmap(
    lambda pairs: st.builds(
        wire.Meta,
        classes=st.just([name for name, _ in pairs]),
        thresholds=st.just([threshold for _, threshold in pairs]),
        encoder=names,
        captioner=st.none() | names,
        adapter=names,
        window_seconds=st.floats(0.1, 600),
        hop_seconds=st.floats(0.1, 600),
    )
)
messages = st.one_of(
    st.tuples(windows, predictions, latencies).map(lambda it: wire.prob(it[0], it[1], latency_ms=it[2], adapter="0")),
    events.map(wire.event),
    statuses.map(wire.source_health),
    nodes.map(wire.node_health),
    metas.map(wire.meta),
)
