"""Counts of what goes to a broker, when it answers after it has been given up."""

import pytest
from mgcld_plugins.sinks._mqtt_post import Outgoing, Post


def event(topic: str) -> Post:
    return Post(topic, b"{}", 1, False, "each")


@pytest.fixture
def two_of_three_away() -> tuple[Outgoing, list[Post]]:
    outgoing = Outgoing()
    outgoing.begin()
    for topic in ("a", "b", "c"):
        outgoing.put(event(topic))
    away = [outgoing.next(congested=False) for _ in range(2)]
    return outgoing, [post for post in away if post is not None]


def test_what_is_given_up_is_counted_once(two_of_three_away: tuple[Outgoing, list[Post]]) -> None:
    outgoing, _ = two_of_three_away
    assert outgoing.waiting == 3
    assert outgoing.give_up() == 3
    assert outgoing.give_up() == 0
    assert (outgoing.waiting, outgoing.dropped, outgoing.delivered) == (0, 3, 0)


def test_what_arrives_after_all_was_not_dropped(two_of_three_away: tuple[Outgoing, list[Post]]) -> None:
    outgoing, away = two_of_three_away
    outgoing.give_up()
    outgoing.has_arrived(away[0])
    assert (outgoing.waiting, outgoing.dropped, outgoing.delivered) == (0, 2, 1)


def test_what_was_given_up_does_not_wait_again_when_the_connection_ends(
    two_of_three_away: tuple[Outgoing, list[Post]],
) -> None:
    outgoing, away = two_of_three_away
    outgoing.give_up()
    outgoing.end(away)
    assert (outgoing.waiting, outgoing.dropped) == (0, 3)


def test_the_same_words_twice_are_two_posts() -> None:
    outgoing = Outgoing()
    outgoing.begin()
    for _ in range(2):
        outgoing.put(event("a"))
    first, second = outgoing.next(congested=False), outgoing.next(congested=False)
    assert first is not None and second is not None
    outgoing.has_arrived(first)
    assert outgoing.waiting == 1
    outgoing.end([second])
    assert (outgoing.waiting, outgoing.dropped, outgoing.delivered) == (1, 0, 1)


def test_what_is_refused_after_it_was_given_up_is_counted_as_refused(
    two_of_three_away: tuple[Outgoing, list[Post]],
) -> None:
    outgoing, away = two_of_three_away
    outgoing.give_up()
    outgoing.is_refused(away[0])
    assert (outgoing.waiting, outgoing.dropped, outgoing.failed) == (0, 2, 1)


def test_what_the_connection_has_lost_sight_of_is_counted(two_of_three_away: tuple[Outgoing, list[Post]]) -> None:
    outgoing, away = two_of_three_away
    outgoing.end(away[:1])
    assert (outgoing.waiting, outgoing.dropped) == (2, 1)
