"""Whatever is lost or repeated on the way: everything is either heard, once and in its order, or counted as lost."""

from bus_messages import event, prob
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.client import Received
from mgcld.client.reading import Reader
from mgcld.service import wire

SOURCES = ("mic1", "mic2")


def heard_of(reader: Reader, frames: list[list[bytes]]) -> list[Received]:
    return [message for each in frames if (message := reader.take(each)) is not None]


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from(SOURCES), st.sampled_from(["heard", "lost", "twice"])), max_size=30))
def test_what_is_heard_and_what_is_lost_make_up_all_that_was_sent(sent: list[tuple[str, str]]) -> None:
    stamper, reader = wire.Stamper("attic"), Reader()
    heard: list[Received] = []
    arrived: list[list[bytes]] = []
    for source, fate in sent:
        frames = wire.frames(stamper.stamp(prob(source)))
        if fate != "lost":
            arrived.append(frames)
            heard += heard_of(reader, [frames])
        if fate == "twice":  # with everything before it: a replay may come late
            assert heard_of(reader, arrived) == []
    for source in SOURCES:
        of_it = [message for message in heard if message.source == source]
        seqs = [message.header["seq"] for message in of_it]
        assert seqs == sorted({*seqs})
        assert sum(message.lost + 1 for message in of_it) == (seqs[-1] - seqs[0] + 1 if seqs else 0)


def test_a_restart_is_told_once_by_the_first_message_that_somebody_wants() -> None:
    reader = Reader(["siren"])
    first, second = wire.Stamper("attic"), wire.Stamper("attic")
    sent = [first.stamp(event()), *map(second.stamp, (event("rain"), event("siren"), event("siren", "end")))]
    heard = heard_of(reader, [wire.frames(message) for message in sent])
    assert [(message.phase, message.restarted, message.lost) for message in heard] == [
        ("start", False, 0),
        ("start", True, 0),
        ("end", False, 0),
    ]
