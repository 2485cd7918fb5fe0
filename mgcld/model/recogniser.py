"""An adapter and the ear that it was trained with: windows in, predictions out."""

from collections.abc import Sequence

import torch

from mgcld.data import Features, Prediction, Window
from mgcld.model.adapter import Adapter
from mgcld.model.listen import Listener


class Recogniser:
    """Hears and judges, on the encoder's device."""

    def __init__(self, listener: Listener, adapter: Adapter) -> None:
        self._listener = listener
        self._adapter = adapter.to(listener.encoder.device)
        self.classes = adapter.classes
        """In the order of every prediction."""
        self.sample_rate = listener.encoder.sample_rate
        """Of the windows (hertz)."""
        self.window_seconds = adapter.provenance.window_seconds
        """Of the windows."""

    @property
    def skipped_captions(self) -> int:
        """Windows that got no caption of their own because there was no time, so far."""
        return self._listener.skipped_captions

    @torch.no_grad()
    def hear(self, windows: Sequence[Window]) -> Features:
        """Encode and caption a batch (at least one window)."""
        return self._listener(windows)

    @torch.no_grad()
    def judge(self, features: Features, windows: Sequence[Window]) -> list[Prediction]:
        """One prediction a window; a silent window is unknown."""
        return self._adapter.predict(features, torch.tensor(["silent" in window.flags for window in windows]))

    @torch.no_grad()
    def try_out(self, features: Features, windows: Sequence[Window], *, before: "Recogniser") -> None:
        """Judge what the one before has heard; caption it, too, where another captioner would do so from now on."""
        if self._listener.captioner is not before._listener.captioner:
            self._listener.caption(windows, features.audio)
        self.judge(features, windows)

    def forget(self, source: str) -> None:
        """There is no such source any more."""
        self._listener.forget(source)

    def __call__(self, windows: Sequence[Window]) -> list[Prediction]:
        """Both."""
        return self.judge(self.hear(windows), windows)
