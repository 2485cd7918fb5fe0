"""What training found out, as one record."""

from dataclasses import dataclass

from mgcld.names import listed
from mgcld.training.reporting.alarms import FalseAlarms
from mgcld.training.reporting.records import ClassReport, Confusion, Made, PartWorth, Share, ShotReport
from mgcld.training.support import BACKGROUND, Skipped

MOST_ADVICE = 5
"""About confused pairs."""


@dataclass(frozen=True, slots=True)
class Report:
    """The whole training."""

    classes: tuple[ClassReport, ...]
    shots: tuple[ShotReport, ...]
    background_shots: int
    placeless: bool
    """Whether nothing of the background is a place, in which the recordings could be heard (see `training.place`)."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows are classes, columns classes and then unknown: left-out shots."""
    confused: tuple[Confusion, ...]
    """Most frequent first."""
    parts: tuple[PartWorth, ...]
    """Over all classes."""
    among_classes: Share
    """Left-out shots whose class came before all other classes, `unknown` aside."""
    in_place: Share
    """Left-out recordings that were given their class where they were heard over the place (see `training.place`)."""
    alarms: tuple[FalseAlarms, ...]
    """Of `_background`, and of a recording that was named."""
    skipped: tuple[Skipped, ...]
    made: Made

    @property
    def share(self) -> Share:
        """Left-out shots of all classes that were given their class; taken for unknown counts as wrong."""
        return Share(sum(row.right for row in self.classes), sum(row.left_out for row in self.classes))

    @property
    def worst_first(self) -> tuple[ClassReport, ...]:
        """The classes by how many of their shots were recognised; those that nothing is known of come last."""
        return tuple(sorted(self.classes, key=lambda row: 2.0 if row.share.value is None else row.share.value))

    @property
    def raised(self) -> tuple[str, ...]:
        """The classes that raised a false alarm, in their order."""
        return tuple(row.name for row in self.classes if any(alarms.counts[row.name] for alarms in self.alarms))

    @property
    def suspects(self) -> tuple[ShotReport, ...]:
        """Shots that somebody should listen to again, the gravest first."""
        return tuple(sorted((shot for shot in self.shots if shot.troubles), key=lambda shot: shot.gravest))

    @property
    def advice(self) -> tuple[str, ...]:
        """What the owner of the recordings could do next."""
        single = [row.name for row in self.classes if row.shots == 1]
        lines = []
        if single:
            lines.append(
                f"one recording only of {listed(single)}: mgcld may know that recording rather than the sound, and "
                "take what is like it for it; a second one lets it check itself and set thresholds"
            )
        if not self.background_shots:
            lines.append(
                f"no {BACKGROUND}/: recordings of the place without these sounds, and of sounds like them (a bark for "
                "a cry), make false alarms rarer"
            )
        if self.placeless:
            lines.append(
                f"nothing in {BACKGROUND}/ sounds like a place: 10 s or more of it, without any event, let mgcld hear "
                "each recording there, too, and recognise far more in noise"
            )
        labels = [shot.path for shot in self.shots if any(trouble.kind == "label" for trouble in shot.troubles)]
        if labels:
            lines.append(f"perhaps in the wrong folder: {listed(labels)}; listen, then move or remove")
        often = [pair.advice for pair in self.pairs if pair.count >= 2]
        return (*lines, *self._of_alarms, *often[:MOST_ADVICE])

    @property
    def _of_alarms(self) -> list[str]:
        return [
            f"{alarms.any} of {alarms.windows} windows of {alarms.source} raised a false alarm, most often "
            f"{alarms.worst[0][0]!r}: put recordings like it into {BACKGROUND}/ and train again"
            for alarms in self.alarms
            if alarms.any and alarms.source != BACKGROUND
        ]

    @property
    def closest_call(self) -> ShotReport | None:
        """The left-out shot that came nearest to another class, against its own; None where there is no other."""
        leads = [
            (shot.near - shot.near_rival, shot)
            for shot in self.shots
            if shot.near is not None and shot.near_rival is not None
        ]
        return min(leads, key=lambda lead: lead[0])[1] if leads else None

    @property
    def pairs(self) -> tuple[Confusion, ...]:
        """The same, each pair once: the more frequent way, which says how often it went back."""
        once = {frozenset((pair.name, pair.said)): pair for pair in reversed(self.confused)}
        return tuple(pair for pair in self.confused if once[frozenset((pair.name, pair.said))] is pair)
