"""The decider: probabilities of all sources into events."""

from collections.abc import Iterable, Sequence

from mgcld.data import EndReason, Event, Prediction, Window
from mgcld.events.place import Place
from mgcld.events.rules import Rules


class Decider:
    """Says when a class begins, goes on, and is over at each source. For one thread.

    Every start has exactly one end of the same id, whatever comes: quiet, a gap, the end of the source, another
    adapter, other rules, the end of the daemon. Two starts of a class at a source never lie closer than the end of
    the first and its refractory time. That holds after a gap, too, where a stream that comes and goes would be told
    each time: whoever was just told of the class hears of it again when the sound goes on for longer than that, and an
    outage counts as time that has passed, so that nothing new is missed after a long one.
    """

    def __init__(self, *, longest_hop_seconds: float, update_seconds: float) -> None:
        """`longest_hop_seconds`: from one window to the next, where nothing is missing; a longer way is a gap.

        `update_seconds`: an event that goes on is told at most so often, by the source's time.
        """
        self._longest_hop_seconds = longest_hop_seconds
        self._update_seconds = update_seconds
        self._places: dict[str, Place] = {}
        self._classes: tuple[str, ...] = ()
        self._adapter = ""
        self._rules = Rules()
        self._closed = False

    def use(self, classes: Sequence[str], adapter: str, rules: Rules) -> list[Event]:
        """Judge by this adapter (its classes in order, and its short hash) and these rules from here on.

        With another adapter every open event ends with `adapter`. With other rules only, an open event goes on, by the
        thresholds that hold now; where its class has no events any more it ends with `removed`.
        """
        same = (tuple(classes), adapter) == (self._classes, self._adapter)
        self._classes, self._adapter, self._rules = tuple(classes), adapter, rules
        if same:
            return _joined(place.obey(rules) for place in self._places.values())
        return _joined(place.use(self._classes, adapter, rules) for place in self._places.values())

    def pace(self, *, longest_hop_seconds: float, update_seconds: float) -> None:
        """Other times than those it was built with from here on; what is open stays so."""
        self._longest_hop_seconds, self._update_seconds = longest_hop_seconds, update_seconds
        for place in self._places.values():
            place.longest_hop_seconds, place.update_seconds = longest_hop_seconds, update_seconds

    def judge(self, window: Window, prediction: Prediction) -> list[Event]:
        """The next window of a source, and what the adapter in use says of it: what begins, goes on or is over.

        A `late` window is judged like all others, by its own times; a `silent` one is quiet; of a `partial` one counts
        what was heard. After `close` nothing is judged.

        Raises:
            ValueError: the prediction is of other classes than the adapter in use.
        """
        if self._closed:
            return []
        if prediction.classes != self._classes:
            raise ValueError(f"{window.source}: a prediction of other classes than those of {self._adapter!r}")
        return self._place(window.source).judge(window, prediction)

    def over(self, source: str, reason: EndReason) -> list[Event]:
        """End what is open there: the source is lost, has ended, is paused or was removed.

        What comes after it is new, whatever was heard before. A removed source is forgotten, the others only wait.
        """
        place = self._places.get(source)
        ended = [] if place is None else place.end(reason)
        if reason == "removed":
            self._places.pop(source, None)
        return ended

    def close(self) -> list[Event]:
        """End what is open, with `shutdown`."""
        self._closed = True
        return _joined(place.end("shutdown") for place in self._places.values())

    @property
    def open(self) -> tuple[Event, ...]:
        """The events that have started and not ended, as they stand, with the phase `update`."""
        tracks = (track for place in self._places.values() for track in place.tracks)
        return tuple(track.state for track in tracks if track.is_open)

    def _place(self, source: str) -> Place:
        if source not in self._places:
            place = Place(source, longest_hop_seconds=self._longest_hop_seconds, update_seconds=self._update_seconds)
            place.use(self._classes, self._adapter, self._rules)
            self._places[source] = place
        return self._places[source]


def _joined(events: Iterable[list[Event]]) -> list[Event]:
    return [event for part in events for event in part]
