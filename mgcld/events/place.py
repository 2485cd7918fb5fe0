"""One source: its windows in order, where sound is missing, and a track for each class."""

from collections.abc import Sequence

from mgcld.data import EndReason, Event, Prediction, Window
from mgcld.events.past import Judged, Past
from mgcld.events.rules import Rules
from mgcld.events.track import Track


class Place:
    """Judges the windows of one source.

    Sound is missing where a window is of another epoch than the one before, where it says so (`gap_samples`, which may
    be None, or `clock_step`), and where it begins further behind the one before than windows ever do. Windows that were
    dropped where those around them overlap, or touch, are no gap. Behind a gap nothing before it counts: open events
    end with what was heard until then, and half-gathered evidence is void.
    """

    def __init__(self, source: str, *, longest_hop_seconds: float, update_seconds: float) -> None:
        self.longest_hop_seconds = longest_hop_seconds
        self.update_seconds = update_seconds
        self._source = source
        self._last: Judged | None = None
        self._past = Past()
        self._reach = 1  # of the rule that looks back furthest, in windows
        self.tracks: list[Track] = []

    def use(self, classes: Sequence[str], adapter: str, rules: Rules) -> list[Event]:
        """Another adapter judges from here on; what the one before has left open ends."""
        ended = self.end("adapter")
        before = {track.name: track for track in self.tracks}
        self.tracks = [
            Track(self._source, name, index, adapter, rules.rule(self._source, name))
            for index, name in enumerate(classes)
        ]
        for track in self.tracks:
            if track.name in before:
                track.inherit(before[track.name])
        self._look_back()
        return ended

    def obey(self, rules: Rules) -> list[Event]:
        """Other rules from here on."""
        told = [track.obey(rules.rule(self._source, track.name)) for track in self.tracks]
        self._look_back()
        return [event for event in told if event is not None]

    def judge(self, window: Window, prediction: Prediction) -> list[Event]:
        """The next window: what ended at a gap before it, then what it changes itself."""
        newest = Judged.of(window, prediction)
        told = self._arrive(window, newest)
        self._past.add(newest, self._reach)
        for track, p in zip(self.tracks, newest.p, strict=True):
            if p >= track.on or track.tally is not None:
                event = track.step(newest, self._past, self.update_seconds)
                if event is not None:
                    told.append(event)
        return told

    def end(self, reason: EndReason) -> list[Event]:
        """Nothing before goes on: not what is open, nor what may have become so."""
        self._past.clear()
        told = [track.end(reason) for track in self.tracks if track.tally is not None]
        return [event for event in told if event is not None]

    def _arrive(self, window: Window, newest: Judged) -> list[Event]:
        last, self._last = self._last, newest
        if last is not None and self._goes_on(last, window):
            return []
        ended = self.end("gap")
        for track in self.tracks:
            track.resume(window.start_ns)
        return ended

    def _goes_on(self, last: Judged, window: Window) -> bool:
        if window.epoch != last.epoch or window.gap_samples != 0 or "clock_step" in window.flags:
            return False
        longest = max(len(window.samples), round(self.longest_hop_seconds * window.sample_rate))
        return 0 < window.first_sample - last.start <= longest

    def _look_back(self) -> None:
        self._reach = max((track.rule.of_windows for track in self.tracks if track.rule.enabled), default=1)
