import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mgcld_plugins.encoders._clips import clips_of, most_segments


@pytest.mark.parametrize(("valid", "kept"), [(1, 1), (93, 3), (94, 4), (500, 16), (999, 32), (1000, 32)])
def test_a_window_that_fits_is_one_clip_with_the_segments_that_it_reaches_into(valid: int, kept: int) -> None:
    (clip,) = clips_of([valid], 1000, 32)
    assert (clip.window, clip.first, clip.samples, clip.segments, clip.place) == (0, 0, valid, kept, slice(0, kept))


def test_a_longer_window_is_evenly_spaced_clips() -> None:
    clips = clips_of([300, 2500], 1000, 32)
    assert [clip.window for clip in clips] == [0, 1, 1, 1]
    assert [clip.first for clip in clips[1:]] == [0, 750, 1500]
    assert [clip.place for clip in clips[1:]] == [slice(0, 32), slice(32, 64), slice(64, 96)]


@settings(deadline=None, max_examples=50)
@given(valid=st.integers(1, 3_000), longest=st.integers(10, 1000), segments=st.integers(1, 64))
def test_clips_cover_what_was_heard_and_nothing_else(valid: int, longest: int, segments: int) -> None:
    clips = clips_of([valid], longest, segments)
    heard = {i for clip in clips for i in range(clip.first, clip.first + clip.samples)}
    assert heard == set(range(valid))
    assert all(clip.samples <= longest for clip in clips)
    assert clips[-1].place.stop == most_segments(valid, longest, segments)
