from hypothesis import given
from hypothesis import strategies as st

from mgcld.audio.stride import Stride


def test_sources_that_began_together_take_turns() -> None:
    stride = Stride()
    sources = [f"mic{number}" for number in range(6)]
    assert all(stride.chooses(source) for source in sources)
    stride.set(3)
    rounds = [[source for source in sources if stride.chooses(source)] for _ in range(6)]
    assert [len(chosen) for chosen in rounds] == [2] * 6


@given(st.lists(st.one_of(st.integers(1, 9), st.sampled_from(["a", "b", "c"])), max_size=200))
def test_never_are_more_passed_over_in_a_row_than_it_was_ever_asked_for(moves: list[int | str]) -> None:
    stride, most, passed = Stride(), 1, dict.fromkeys("abc", 0)
    for move in moves:
        if isinstance(move, int):
            stride.set(move)
            most = max(most, move)
        else:
            passed[move] = 0 if stride.chooses(move) else passed[move] + 1
            assert passed[move] < most


def test_the_first_window_of_a_source_is_heard() -> None:
    stride = Stride()
    stride.set(4)
    assert [stride.chooses("a") for _ in range(9)] == [True, False, False, False, True, False, False, False, True]
    stride.forget("a")
    assert stride.chooses("a")
