"""Random features for the method. No two axes have one size, so that swapping two of them cannot go unseen."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import literal
import numpy as np
import torch
from literal import Reading, Sound, Weights, coarse, unit
from torch import Tensor

from mgcld.data import AudioFeatures, Features
from mgcld.model.adapter import Adapter, Provenance
from mgcld.model.cache import Keys, keys_of
from mgcld.model.calibration import Calibration
from mgcld.model.contrast import Explanations, Fusion
from mgcld.model.head import Head
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.parts import Cohesion, Contrasts
from mgcld.model.within import within_of

BATCH, SHOTS, CLASSES = 5, 9, 4
LABELS = (0, 2, 1, 0, 3, 2, 0, 1, 2)
SENTENCES = (3, 1, 2, 3)
SEGMENTS, SHOT_SEGMENTS = 6, 8
AUDIO, TEXT = 13, 11
BACKGROUNDS = 2


@dataclass(frozen=True)
class World:
    """A support set, some windows, what the classes are said to sound like, and weights, as literal vectors."""

    windows: list[Sound]
    shots: list[Sound]
    explanations: list[list[np.ndarray]]
    weights: Weights

    @property
    def query(self) -> Keys:
        return keys_of(audio_features(self.windows), MGCL_PLUS)

    @property
    def caption(self) -> Tensor:
        return tensor([window.caption for window in self.windows])

    @property
    def keys(self) -> Keys:
        return keys_of(audio_features(self.shots), MGCL_PLUS)

    @property
    def shot_caption(self) -> Tensor:
        return tensor([shot.caption for shot in self.shots])

    @property
    def values(self) -> Tensor:
        return torch.eye(CLASSES)[torch.tensor(LABELS)]

    @property
    def fusion(self) -> Fusion:
        fusion = Fusion(AUDIO, TEXT)
        weights = {f"{name}.weight": tensor(getattr(self.weights, name)) for name in ("w_c", "w_p", "w_f")}
        fusion.load_state_dict(weights)
        return fusion.requires_grad_(False)

    @property
    def embedded(self) -> Explanations:
        rows = padded([np.stack(sentences) for sentences in self.explanations])
        weights = padded([np.full(len(sentences), 1 / len(sentences)) for sentences in self.explanations])
        return Explanations(rows, weights)

    @property
    def features(self) -> Features:
        return Features(audio_features(self.windows), (None,) * len(self.windows), self.caption)


def world(seed: int = 0) -> World:
    rng = np.random.default_rng(seed)
    return World(
        windows=[_sound(rng, n) for n in _lengths(rng, BATCH, SEGMENTS)],
        shots=[_sound(rng, n) for n in _lengths(rng, SHOTS, SHOT_SEGMENTS)],
        explanations=[[unit(rng.normal(size=TEXT)) for _ in range(n)] for n in SENTENCES],
        weights=Weights(
            rng.normal(size=(TEXT, AUDIO + TEXT)), rng.normal(size=(TEXT, AUDIO + TEXT)), rng.normal(size=(TEXT, TEXT))
        ),
    )


def reading_of(options: MethodOptions) -> Reading:
    """The same choices for the literal equations."""
    return Reading(
        beta=options.beta,
        alpha=options.alpha,
        epsilon=options.epsilon,
        uniform=options.marginals == "uniform",
        summed=options.cache == "sum",
        solved=options.solved,
        softmax=options.salience_temperature if options.salience == "softmax" else None,
        centred=options.centred,
        contrast_scale=options.contrast_scale,
    )


@cache
def _measured(seed: int, reading: Reading) -> tuple[np.ndarray, ...]:
    """Cohesion and centre of a world, both grains of each, and solved values, from the literal equations."""
    made = world(seed)
    members = [[shot for shot, label in zip(made.shots, LABELS, strict=True) if label == j] for j in range(CLASSES)]
    kernels = literal.coarse_kernel, literal.fine_kernel
    alike = [np.array([literal.cohesion(kernel, own, reading) for own in members]) for kernel in kernels]
    centres = literal.centres(made.shots, LABELS, made.explanations, made.weights, reading)
    return (*alike, *centres, literal.solved(made.shots, LABELS, CLASSES, reading))


def head(seed: int = 0, options: MethodOptions = PAPER) -> Head:
    """As it should come out of a support set; nothing in it was computed by the code under test."""
    made = world(seed)
    *measured, solved = _measured(seed, reading_of(options))
    rows = [tensor(row[None]) for row in measured]
    untouched = [within_of(torch.eye(len(made.values)), made.values, 0.0) for _ in range(2)]
    cache = made.values, *untouched, Cohesion(*rows[:2]), tensor(solved)
    return Head(options, *cache, made.embedded, made.fusion, Contrasts(*rows[2:]))


UNSHRUNK = replace(MGCL_PLUS, within=0.0)
"""mgcl+ as `literal` writes it out; what is shrunk within classes is tested by itself."""


def adapter(seed: int = 0, options: MethodOptions = PAPER, *, background: bool = True) -> Adapter:
    made = world(seed)
    others = keys_of(audio_features(world(seed + 1).shots[:BACKGROUNDS]), MGCL_PLUS)
    return Adapter(
        classes=("dog bark", "siren", "Türklingel", "rain"),
        keys=made.keys,
        background=others if background else None,
        head=head(seed, options),
        sentences=tuple(tuple(f"sentence {i}" for i in range(n)) for n in SENTENCES),
        calibration=Calibration(temperature=7.3, threshold=0.1, width=0.07),
        thresholds=(0.5, 0.4, 0.3, 0.7),
        provenance=Provenance(
            encoder="mini",
            weights_hash="0123456789abcdef" * 4,
            captioner="tags?most=2",
            window_seconds=5.0,
            mgcld="0.1.0",
            report={"accuracy": 0.75, "skipped": []},
            captions="tags: at most 2, of at least 0.08",
        ),
    )


def converged(options: MethodOptions) -> MethodOptions:
    """The same method with a transport that is solved to the last digit, so that solvers can be compared."""
    return replace(options, iterations=3000, tolerance=1e-6)


def audio_features(sounds: Sequence[Sound]) -> AudioFeatures:
    """As an encoder gives them: rows of any length, zeros behind the last."""
    fine = padded([np.stack(sound.segments) for sound in sounds])
    weights = padded([np.array(sound.mass) for sound in sounds])
    return AudioFeatures(fine * (0.2 + 3 * weights[..., None]), weights, tensor([coarse(sound) for sound in sounds]))


def tensor(rows: object) -> Tensor:
    return torch.tensor(np.array(rows), dtype=torch.float32)


def padded(rows: Sequence[np.ndarray]) -> Tensor:
    return torch.nn.utils.rnn.pad_sequence([tensor(row) for row in rows], batch_first=True)


def _lengths(rng: np.random.Generator, count: int, longest: int) -> list[int]:
    return [longest, *rng.integers(1, longest + 1, count - 1).tolist()]


def _sound(rng: np.random.Generator, segments: int) -> Sound:
    """Segments that share something, as those of one recording do."""
    common = rng.normal(size=AUDIO)
    rows = [unit(common + 1.5 * rng.normal(size=AUDIO)) for _ in range(segments)]
    return Sound(rows, rng.dirichlet(np.full(segments, 2.0)).tolist(), unit(rng.normal(size=TEXT)))
