"""`mgcld train`: support set → shots → leave-one-out → adapter and report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mgcld import __version__
from mgcld.data import AudioFeatures
from mgcld.errors import SupportSetError
from mgcld.interfaces import AudioSource, Explainer
from mgcld.model.adapter import Adapter, Provenance
from mgcld.model.cache import keys_of
from mgcld.model.contrast import Explanations
from mgcld.model.listen import Listener
from mgcld.model.options import MethodOptions
from mgcld.training.fitting import Fitting
from mgcld.training.foreign import foreign_windows
from mgcld.training.leave_one_out import LeftOut
from mgcld.training.material import Material, Others, material
from mgcld.training.place import in_place
from mgcld.training.reporting.background import Heard, hear_file
from mgcld.training.reporting.compose import Trained, report_of
from mgcld.training.reporting.plain import summary
from mgcld.training.reporting.report import Report
from mgcld.training.reporting.thresholds import DEFAULT
from mgcld.training.sentences import sentences_about
from mgcld.training.shots import BATCH, Recording, Shots, hear, read
from mgcld.training.support import BACKGROUND, Skipped, SupportSet

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, of how much; 0 where nobody knows)."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything that training needs besides the recordings."""

    listener: Listener
    captioner: str
    """The captioner and its options as the command line takes them, kept in the adapter."""
    open_file: Callable[[Path], AudioSource]
    explainer: Explainer
    options: MethodOptions
    window_seconds: float
    progress: Progress

    def __call__(self, support: SupportSet, background_file: Path | None = None) -> tuple[Trained, Report]:
        """Make an adapter; the same recordings give the same adapter on the same machine.

        False alarms are counted in `background_file` too, a recording without any of the classes.

        Raises:
            SupportSetError: nothing usable is left of a class, or two classes hold the same audio.
            SourceError: `background_file` cannot be heard.
        """
        began = time.monotonic()
        listening = None if background_file is None else self._listen_to(background_file)
        recordings, skipped = self._read(support)
        names = tuple(support.classes)
        own = tuple(recording for recording in recordings if recording.name in names)
        shots, background = self.hear(own, [recording for recording in recordings if recording.name == BACKGROUND])
        unwritten = [name for name in names if name not in support.sentences]
        said = {**support.sentences, **sentences_about(unwritten, self.explainer)}
        sentences = [said[name] for name in names]
        adapter, left_out = self.fit(shots, background, names, sentences)
        trained = Trained(
            adapter=adapter,
            left_out=left_out,
            recordings=own,
            placed=len(shots.recordings) > len(own),
            background=() if background is None else background.recordings,
            listening=listening,
            skipped=(*support.skipped, *skipped),
            support=support.folder,
            seconds=time.monotonic() - began,
        )
        report = report_of(trained, self.listener)
        noted = replace(adapter.provenance, report=summary(report))
        thresholds = tuple(row.threshold.value for row in report.classes)
        return replace(trained, adapter=replace(adapter, thresholds=thresholds, provenance=noted)), report

    def hear(self, own: Sequence[Recording], rest: Sequence[Recording]) -> tuple[Shots, Shots | None]:
        """The recordings of classes, as they are and then in the place, and the background."""
        own = [*own, *(in_place(own, rest) if self.options.placed else [])]
        batches = sum(-(-sum(len(r.windows) for r in part) // BATCH) for part in (own, rest))
        counter = self._counter("listening", batches)
        return hear(own, self.listener, counter), hear(rest, self.listener, counter) if rest else None

    def fit(
        self, shots: Shots, background: Shots | None, names: Sequence[str], sentences: Sequence[Sequence[str]]
    ) -> tuple[Adapter, LeftOut | None]:
        """Make an adapter of shots that were heard already; `sentences` explain `names`, one by one.

        Shots of one digest are of one recording, heard as it is and in the place.
        """
        heard = _material(shots, names, self.options)
        others = None if background is None else _others(background.audio, background.caption, self.options)
        explanations = self._embedded(sentences)
        alignment = self.listener.encoder.alignment
        fitting = Fitting(heard, others, self._foreign(), explanations, alignment, self.options)
        fitted = fitting.run(self.progress)
        adapter = Adapter(
            classes=tuple(names),
            keys=heard.keys,
            background=None if others is None else others.keys,
            head=fitted.head,
            sentences=tuple(tuple(own) for own in sentences),
            calibration=fitted.calibration,
            thresholds=(DEFAULT,) * len(names),
            provenance=self._provenance(),
        )
        return adapter, fitted.left_out

    def _provenance(self) -> Provenance:
        encoder = self.listener.encoder
        return Provenance(
            encoder=encoder.name,
            weights_hash=encoder.weights_hash,
            captioner=self.captioner,
            window_seconds=self.window_seconds,
            mgcld=__version__,
            captions=self.listener.captioner.provenance,
        )

    def _read(self, support: SupportSet) -> tuple[list[Recording], list[Skipped]]:
        files = [(name, path) for name, paths in support.classes.items() for path in paths]
        files += [(BACKGROUND, path) for path in support.background]
        recordings, skipped = read(
            files,
            self.open_file,
            sample_rate=self.listener.encoder.sample_rate,
            window_seconds=self.window_seconds,
            progress=self._counter("reading", len(files)),
        )
        for name in support.classes:
            if not any(recording.name == name for recording in recordings):
                why = next(item.why for item in skipped if item.path.parent.name == name)
                raise SupportSetError(
                    f"class {name!r} has no usable recording: {why}", help="replace its files, or remove the folder"
                )
        return recordings, skipped

    @torch.no_grad()
    def _listen_to(self, path: Path) -> Heard:
        return hear_file(
            path,
            self.open_file(path),
            self.listener,
            self.window_seconds,
            lambda windows: self.progress("background", windows, 0),
        )

    def _foreign(self) -> Others:
        heard = self.listener(foreign_windows(self.listener.encoder.sample_rate, self.window_seconds))
        return _others(heard.audio, heard.caption, self.options)

    def _embedded(self, sentences: Sequence[Sequence[str]]) -> Explanations:
        rows = [self.listener.encoder.embed_text(list(own)) for own in sentences]
        weights = [torch.full((len(own),), 1 / len(own), device=own.device) for own in rows]
        padded = torch.nn.utils.rnn.pad_sequence
        return Explanations(padded(rows, batch_first=True), padded(weights, batch_first=True))

    def _counter(self, what: str, of: int) -> Callable[[], None]:
        done = 0

        def step() -> None:
            nonlocal done
            done += 1
            self.progress(what, done, of)

        return step


def _others(audio: AudioFeatures, caption: Tensor, options: MethodOptions) -> Others:
    return Others(keys_of(audio, options), torch.nn.functional.normalize(caption.float(), dim=-1))


def _material(shots: Shots, names: Sequence[str], options: MethodOptions) -> Material:
    device = shots.caption.device
    labels: Int[Tensor, " shots"] = torch.tensor([names.index(recording.name) for recording in shots.recordings])
    digests = list(dict.fromkeys(recording.digest for recording in shots.recordings))
    own: Int[Tensor, " shots"] = torch.tensor([digests.index(recording.digest) for recording in shots.recordings])
    keys = keys_of(shots.audio, options)
    return material(keys, shots.caption, labels.to(device), len(names), options, own.to(device))
