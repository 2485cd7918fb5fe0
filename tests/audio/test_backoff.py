from mgcld.audio.backoff import Backoff


def test_waits_double_from_one_second_to_a_minute_and_stay_there() -> None:
    backoff = Backoff(spread=0)
    assert [backoff.next() for _ in range(9)] == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_reset_makes_the_next_wait_short_again() -> None:
    backoff = Backoff(spread=0)
    assert [backoff.next(), backoff.next()] == [1, 2]
    backoff.reset()
    assert backoff.next() == 1


def test_two_sources_do_not_return_in_step() -> None:
    waits = {Backoff().next() for _ in range(20)}
    assert len(waits) > 10
    assert all(0.8 <= wait <= 1.2 for wait in waits)


def test_no_wait_is_longer_than_the_longest() -> None:
    backoff = Backoff()
    assert max(backoff.next() for _ in range(100)) <= 60
