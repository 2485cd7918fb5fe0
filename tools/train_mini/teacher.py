"""The teachers: what YAMNet and aiSFX hear in the segments of a window. Their weights stay their own."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from mgcld_plugins.encoders._mini_audio import SEGMENT_SAMPLES

from .effects import Effects

PATCH_SAMPLES = 15_600
PATCH_SEGMENTS = 3
PATCH_STEP = 2
CELLS_TENSOR, TAGS_TENSOR = 120, 123
"""YAMNet's last feature map (1, 3, 2, 1024) and its 521 probabilities in the graph that Google publishes."""


@dataclass(frozen=True)
class Lesson:
    """What is heard in the segments of a window, everything >= 0."""

    features: np.ndarray  # (segments, 1024), YAMNet's
    tags: np.ndarray  # (segments, 521), its probabilities
    effects: np.ndarray  # (segments, 512), aiSFX's features


class Teacher(Protocol):
    """Anything that hears like both."""

    def hear(self, window: np.ndarray) -> Lesson:
        """`window` is (samples,), float32 in [-1, 1], 16 kHz."""
        ...


class Both:
    """The two as they are published."""

    def __init__(self, yamnet: Path) -> None:
        """`yamnet` is the TFLite file; aiSFX comes with its package."""
        self._yamnet, self._effects = Yamnet(yamnet), Effects()

    def hear(self, window: np.ndarray) -> Lesson:
        """`window` is (samples,), float32 in [-1, 1], 16 kHz."""
        return Lesson(*self._yamnet.hear(window), self._effects.hear(window))


class Yamnet:
    """Google's YAMNet as a TFLite graph, one patch of 0.96 s at a time, every 0.64 s."""

    def __init__(self, path: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # keeping inner tensors is said to be for debugging
            self._graph = Interpreter(str(path), num_threads=1, experimental_preserve_all_tensors=True)
        self._graph.allocate_tensors()

    def hear(self, window: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Features and tags: each segment has the mean of what the patches over it say, of features its own cell."""
        segments = -(-len(window) // SEGMENT_SAMPLES)
        padded = np.zeros((segments + 2 * PATCH_SEGMENTS) * SEGMENT_SAMPLES, np.float32)
        padded[SEGMENT_SAMPLES : SEGMENT_SAMPLES + len(window)] = window
        features = np.zeros((segments + 2 * PATCH_SEGMENTS, 1024), np.float32)
        tags = np.zeros((segments + 2 * PATCH_SEGMENTS, 521), np.float32)
        count = np.zeros((segments + 2 * PATCH_SEGMENTS, 1), np.float32)
        for first in range(0, segments + 1, PATCH_STEP):
            cells, heard = self._patch(padded[first * SEGMENT_SAMPLES :][:PATCH_SAMPLES])
            covered = slice(first, first + PATCH_SEGMENTS)
            features[covered] += cells
            tags[covered] += heard
            count[covered] += 1
        inside = slice(1, segments + 1)
        return features[inside] / count[inside], tags[inside] / count[inside]

    def _patch(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self._graph.set_tensor(0, samples[None])
        self._graph.invoke()
        return self._graph.get_tensor(CELLS_TENSOR)[0].mean(1), self._graph.get_tensor(TAGS_TENSOR)[0]
