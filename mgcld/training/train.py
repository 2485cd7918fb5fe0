"""`mgcld train`: support set → shots → leave-one-out → adapter and report."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from jaxtyping import Int
from torch import Tensor

from mgcld import __version__
from mgcld.errors import SupportSetError
from mgcld.interfaces import AudioSource, Explainer
from mgcld.model.adapter import Adapter, Provenance
from mgcld.model.cache import Keys, keys_of
from mgcld.model.calibration import probabilities
from mgcld.model.contrast import Explanations
from mgcld.model.listen import Listener
from mgcld.model.options import MethodOptions
from mgcld.model.parts import total
from mgcld.training.fitting import Fitting
from mgcld.training.foreign import foreign_windows
from mgcld.training.leave_one_out import LeftOut
from mgcld.training.material import Material, material
from mgcld.training.report import ClassReport, Report, confusions
from mgcld.training.shots import BATCH, Recording, Shots, hear, read
from mgcld.training.support import BACKGROUND, UNKNOWN, Skipped, SupportSet

Progress = Callable[[str, int, int], None]
"""(what is being done, how much of it is done, of how much)."""


@dataclass(frozen=True, slots=True)
class Trainer:
    """Everything that training needs besides the recordings."""

    listener: Listener
    captioner: str
    """The captioner's name, kept in the adapter."""
    open_file: Callable[[Path], AudioSource]
    explainer: Explainer
    options: MethodOptions
    window_seconds: float
    progress: Progress

    def __call__(self, support: SupportSet) -> tuple[Adapter, Report]:
        """Make an adapter; the same recordings give the same adapter on the same machine.

        Raises:
            SupportSetError: nothing usable is left of a class, or two classes hold the same audio.
        """
        began = time.monotonic()
        recordings, skipped = self._read(support)
        names = tuple(support.classes)
        shots, background = self._hear(recordings, names)
        sentences = [support.sentences.get(name) or tuple(self.explainer.explain(name)) for name in names]
        adapter, asked = self.fit(shots, background, names, sentences)
        skipped = [*support.skipped, *skipped]
        report = _report(adapter, asked, shots, tuple(skipped), time.monotonic() - began)
        noted = replace(adapter.provenance, report=report.as_json())
        return replace(adapter, provenance=noted), report

    def fit(
        self, shots: Shots, background: Shots | None, names: Sequence[str], sentences: Sequence[Sequence[str]]
    ) -> tuple[Adapter, LeftOut | None]:
        """Make an adapter of shots that were heard already; `sentences` explain `names`, one by one."""
        heard = _material(shots, names, self.options)
        background_keys = None if background is None else keys_of(background.audio, self.options)
        explanations = self._embedded(sentences)
        alignment = self.listener.encoder.alignment
        fitted = Fitting(heard, background_keys, self._foreign(), explanations, alignment, self.options).run(
            self.progress
        )
        adapter = Adapter(
            classes=tuple(names),
            options=fitted.options,
            keys=heard.keys,
            values=heard.values,
            background=background_keys,
            explanations=explanations,
            sentences=tuple(tuple(own) for own in sentences),
            fusion=fitted.fusion,
            calibration=fitted.calibration,
            provenance=self._provenance(),
        )
        return adapter, fitted.left_out

    def _provenance(self) -> Provenance:
        encoder = self.listener.encoder
        return Provenance(encoder.name, encoder.weights_hash, self.captioner, self.window_seconds, __version__)

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

    def _hear(self, recordings: Sequence[Recording], names: Sequence[str]) -> tuple[Shots, Shots | None]:
        own = [recording for recording in recordings if recording.name in names]
        rest = [recording for recording in recordings if recording.name == BACKGROUND]
        batches = sum(-(-sum(len(r.windows) for r in part) // BATCH) for part in (own, rest))
        counter = self._counter("listening", batches)
        return hear(own, self.listener, counter), hear(rest, self.listener, counter) if rest else None

    def _foreign(self) -> Keys:
        encoder = self.listener.encoder
        return keys_of(self.listener(foreign_windows(encoder.sample_rate, self.window_seconds)).audio, self.options)

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


def _material(shots: Shots, names: Sequence[str], options: MethodOptions) -> Material:
    labels: Int[Tensor, " shots"] = torch.tensor([names.index(recording.name) for recording in shots.recordings])
    return material(keys_of(shots.audio, options), shots.caption, labels.to(shots.caption.device), len(names), options)


def _report(
    adapter: Adapter,
    asked: LeftOut | None,
    shots: Shots,
    skipped: tuple[Skipped, ...],
    seconds: float,
) -> Report:
    true, said = _answers(adapter, asked)
    options, calibration = adapter.options, adapter.calibration
    return Report(
        classes=tuple(_class_report(name, shots, true, said) for name in adapter.classes),
        background_shots=0 if adapter.background is None else len(adapter.background),
        confused=confusions(true, said),
        skipped=skipped,
        mode=options.mode,
        contrast_scale=options.contrast_scale,
        steps=options.steps,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        seconds=seconds,
    )


def _answers(adapter: Adapter, asked: LeftOut | None) -> tuple[list[str], list[str]]:
    """(true class, answer) of every left-out shot, `unknown` among the answers."""
    if asked is None:
        return [], []
    logits = total(asked.parts[adapter.options.steps], adapter.options)
    query = adapter.keys[asked.shots]
    background = adapter.background_closeness(query)
    silent = torch.zeros(len(logits), dtype=torch.bool, device=logits.device)
    p, unknown = probabilities(logits, asked.near, background, silent, adapter.calibration)
    names = [*adapter.classes, UNKNOWN]
    best = torch.cat([p, unknown[:, None]], 1).argmax(1).tolist()
    return [adapter.classes[i] for i in adapter.values[asked.shots].argmax(1).tolist()], [names[i] for i in best]


def _class_report(name: str, shots: Shots, true: Sequence[str], said: Sequence[str]) -> ClassReport:
    own = [recording for recording in shots.recordings if recording.name == name]
    answers = [s for t, s in zip(true, said, strict=True) if t == name]
    return ClassReport(
        name=name,
        shots=len(own),
        seconds=sum(recording.seconds for recording in own),
        left_out=len(answers),
        right=answers.count(name),
        unknown=answers.count(UNKNOWN),
    )
