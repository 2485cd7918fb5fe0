from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
import torch
from mgcld_plugins.captioners.none import NoCaptioner
from mgcld_plugins.captioners.tags import TagsCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder
from untrained import trained, window

from mgcld.data import AudioFeatures, Window
from mgcld.model.captions import Deadline, Memory
from mgcld.model.listen import Listener
from mgcld.model.recogniser import Recogniser


class HalfCaptioner:
    """Has something to say of every second window."""

    provenance = "half"

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str | None]:  # noqa: ARG002
        return ["heavy rain" if i % 2 else None for i in range(len(windows))]


class LoudCaptioner:
    """Says how loud the first segment is, by the samples and by the features that it got for a window."""

    provenance = "loud"

    def caption(self, windows: Sequence[Window], features: AudioFeatures) -> Sequence[str]:
        pairs = zip(windows, features.fine, strict=True)
        return [f"rain {np.abs(one.samples).sum():.3f} {float(fine.abs().sum()):.2f}" for one, fine in pairs]


@pytest.fixture(scope="module")
def encoder() -> MiniEncoder:
    return MiniEncoder("cpu")


def test_a_caption_is_embedded_and_without_one_the_aligned_audio_stands_in(encoder: MiniEncoder) -> None:
    heard = Listener(encoder, HalfCaptioner())([window(0), window(1), window(2)])
    aligned = heard.audio.coarse @ encoder.alignment
    assert heard.captions == (None, "heavy rain", None)
    assert torch.allclose(heard.caption[[0, 2]], aligned[[0, 2]], atol=1e-5)
    assert torch.equal(heard.caption[1], encoder.embed_text(["heavy rain"])[0])
    assert torch.allclose(heard.caption.norm(dim=-1), torch.ones(3), atol=1e-5)


def test_every_window_has_its_own_caption(encoder: MiniEncoder) -> None:
    listener = Listener(encoder, TagsCaptioner(encoder))
    together = listener([window(0), window(1), window(2)])
    for i in range(3):
        alone = listener([window(i)])
        assert alone.captions[0] == together.captions[i]
        assert torch.allclose(alone.caption[0], together.caption[i], atol=1e-5)


def test_with_a_deadline_a_caption_goes_to_the_window_that_it_was_written_for(encoder: MiniEncoder) -> None:
    heard = [replace(window(kind), source=str(kind)) for kind in (0, 1, 2)]
    all_of_them = Listener(encoder, LoudCaptioner())(heard)
    listener = Listener(encoder, LoudCaptioner(), Deadline(1e-9))
    for turn in range(3):
        listener._deadline = Deadline(1e-9)  # one window, since nothing was measured
        listener._deadline._turns = {str(kind): 1 for kind in range(3) if kind != turn}
        listener._memory = Memory()
        once = listener(heard)
        assert once.captions == tuple(all_of_them.captions[i] if i == turn else None for i in range(3))
        assert once.fresh == tuple(i == turn for i in range(3))
        torch.testing.assert_close(once.caption[turn], all_of_them.caption[turn])
    aligned = torch.nn.functional.normalize(once.audio.coarse @ encoder.alignment, dim=-1)
    torch.testing.assert_close(once.caption[:2], aligned[:2])


def test_a_prediction_says_whether_its_caption_is_fresh(encoder: MiniEncoder) -> None:
    recogniser = Recogniser(Listener(encoder, HalfCaptioner(), Deadline(1e-9)), trained(encoder))
    first = recogniser([window(0), replace(window(1), source="other")])
    assert [(one.caption, one.caption_fresh) for one in first] == [(None, True), (None, False)]
    assert recogniser.skipped_captions == 1


def test_what_was_not_heard_weighs_nothing(encoder: MiniEncoder) -> None:
    heard = Listener(encoder, NoCaptioner(encoder))([window(0), window(0, "partial", valid=20_000)])
    assert (heard.audio.weights > 0).sum(1).tolist() == [16, 4]


def test_windows_are_recognised_and_silence_is_unknown(encoder: MiniEncoder) -> None:
    recogniser = Recogniser(Listener(encoder, NoCaptioner(encoder)), trained(encoder))
    assert (recogniser.classes, recogniser.sample_rate, recogniser.window_seconds) == (
        ("tone", "noise", "knocks"),
        16_000,
        5.0,
    )
    predictions = recogniser([window(2), window(0), window(1), window(0, "silent")])
    assert [prediction.top[0][0] for prediction in predictions] == ["knocks", "tone", "noise", "unknown"]
    assert predictions[3].unknown == 1
    alone = recogniser([window(0)])[0]
    assert predictions[1].p == pytest.approx(alone.p, abs=1e-5)


def test_a_recogniser_leaves_its_adapter_alone(encoder: MiniEncoder) -> None:
    adapter = trained(encoder)
    recogniser = Recogniser(Listener(encoder, NoCaptioner(encoder)), adapter)
    before = recogniser([window(0)])
    with torch.no_grad():
        adapter.head.fusion.w_c.weight.zero_()
    assert recogniser([window(0)]) == before
