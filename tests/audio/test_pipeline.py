import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sounds import assert_same, block, cut, frequency_of, noise, tone

from mgcld.audio.pipeline import Pipeline
from mgcld.data import AudioBlock, Window

RATE = 16_000


def windows(blocks: list[AudioBlock], seconds: float = 0.1, hop: float = 0.1) -> list[Window]:
    pipeline = Pipeline("mic", sample_rate=RATE, window_seconds=seconds, hop_seconds=hop)
    return [window for each in blocks for window in pipeline.push(each)] + pipeline.flush(partial=True)


@settings(deadline=None, max_examples=50)
@given(
    native=st.sampled_from([8000, 11_025, 16_000, 44_100, 48_000]),
    lengths=st.lists(st.integers(1, 20_000), min_size=1, max_size=3),
    places=st.lists(st.integers(0, 20_000), max_size=10),
    hop=st.sampled_from([0.03, 0.1, 0.2]),
)
def test_any_cutting_gives_the_same_windows(native: int, lengths: list[int], places: list[int], hop: float) -> None:
    stretches, first = [], 0
    for epoch, length in enumerate(lengths):  # with a gap of 100 samples, then a new epoch
        stretches.append(block(noise(length, seed=epoch), native, first=first, epoch=epoch // 2))
        first = first + length + 100 if epoch % 2 == 0 else 0
    often = [piece for stretch in stretches for piece in cut(stretch, places)]
    assert_same(windows(stretches, hop=hop), windows(often, hop=hop))


@settings(deadline=None, max_examples=50)
@given(
    native=st.sampled_from([8000, 44_100, 48_000]),
    places=st.lists(st.integers(0, 20_000), min_size=1, max_size=10),
    dropped=st.integers(0, 10),
)
def test_no_window_spans_a_dropped_block(native: int, places: list[int], dropped: int) -> None:
    # A ramp tells where each sample comes from: across a splice its slope would break.
    ramp = (np.arange(20_000) / 20_000).astype(np.float32)
    blocks = cut(block(ramp, native), places)
    del blocks[dropped % len(blocks)]
    for window in windows(blocks):
        heard = window.samples[: window.valid_samples].astype(np.float64)
        inner = heard[200:-200]  # the filter rings where a stretch begins and ends
        if len(inner) > 1:
            where = (window.first_sample + 200 + np.arange(len(inner))) / RATE
            assert np.allclose(inner * 20_000 / native, where, atol=1e-3)


def test_a_tone_of_another_rate_is_heard_at_its_frequency_and_level() -> None:
    first, *_ = windows([block(tone(440, 6, 44_100), 44_100)], seconds=5, hop=5)
    assert len(first.samples) == 80_000
    assert frequency_of(first.samples, RATE) == pytest.approx(440, abs=0.5)
    assert first.level_dbfs == pytest.approx(-9.03, abs=0.05)


def test_without_the_tail_only_whole_windows_come_out_at_the_end() -> None:
    pipeline = Pipeline("mic", sample_rate=RATE, window_seconds=0.1, hop_seconds=0.1)
    early = pipeline.push(block(noise(2000), 8000))
    late = pipeline.flush(partial=False)
    assert [window.first_sample for window in early + late] == [0, 1600]
    assert pipeline.flush(partial=True)[0].valid_samples == 4000 - 3200


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("native", [16_000, 48_000])
def test_one_bad_sample_does_not_spoil_the_rest(native: int, bad: float) -> None:
    sound = tone(440, 1, native)
    spoilt = sound.copy()
    spoilt[native // 2] = bad
    made = windows([block(spoilt, native)])
    assert all(np.isfinite(window.samples).all() and np.isfinite(window.level_dbfs or 0) for window in made)
    assert_same(made[:3], windows([block(sound, native)])[:3])
    assert np.isnan(spoilt[native // 2]) or np.isinf(spoilt[native // 2])  # the block's own samples are left alone


def test_a_block_may_be_empty() -> None:
    whole = block(noise(3200), RATE)
    empty = replace(whole, samples=whole.samples[:0])
    assert_same(windows([empty, whole]), windows([whole]))


def test_the_audio_path_and_the_sources_load_without_torch() -> None:
    modules = (
        "mgcld.audio.capture, mgcld_plugins.sources.file, mgcld_plugins.sources.rtsp, mgcld_plugins.sources.microphone"
    )
    script = f"import sys, {modules}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
