"""The paper's equations 1-21 once more, one number at a time, in plain Python and float64.

Written from the equations, not from `mgcld.model`: slow, and nothing is shared with what it is compared to.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Vector = np.ndarray
Matrix = np.ndarray


@dataclass(frozen=True)
class Reading:
    """Where the equations leave a choice. The defaults are what is printed."""

    beta: float = 5.0
    alpha: float = 1.1
    epsilon: float = 0.1
    uniform: bool = True
    """Each audio segment carries the same mass; else what the encoder says."""
    summed: bool = True
    """Over the shots of a class; else their mean."""
    softmax: float | None = None
    """Eq. 14 by a softmax of this temperature; else the similarities themselves, clamped."""
    contrast_scale: float = 1.0


PAPER = Reading()
BETTER = Reading(uniform=False, summed=False, softmax=0.1, contrast_scale=0.25)


@dataclass(frozen=True)
class Sound:
    """One window or one shot."""

    segments: list[Vector]
    """a_1 ... a_n, each of length 1."""
    mass: list[float]
    """What the encoder says that each of them tells; they sum to 1."""
    caption: Vector
    """R_t, of length 1."""


@dataclass(frozen=True)
class Weights:
    """W_c and W_p (text, audio + text) and W_f (text, text), to be multiplied from the left."""

    w_c: Matrix
    w_p: Matrix
    w_f: Matrix


def cos(x: Vector, y: Vector) -> float:
    xy = sum(float(p) * float(q) for p, q in zip(x, y, strict=True))
    xx = sum(float(p) * float(p) for p in x)
    yy = sum(float(q) * float(q) for q in y)
    return xy / math.sqrt(xx * yy)


def phi(x: float, beta: float) -> float:
    return math.exp(-beta * (1 - x))


def coarse(sound: Sound) -> Vector:
    """R_a^c = (1 / n_a) sum_i a_i."""
    return sum(sound.segments[1:], start=sound.segments[0]) / len(sound.segments)


def one_hot(labels: Sequence[int], classes: int) -> list[list[float]]:
    """V."""
    return [[1.0 if label == j else 0.0 for j in range(classes)] for label in labels]


def plan(cost: Matrix, p: Sequence[float] | Vector, q: Sequence[float] | Vector, epsilon: float) -> Matrix:
    """T* = Diag(k1) exp(-C / eps) Diag(k2) (8), until k1 stands still."""
    kernel = np.exp(-cost / epsilon)
    k1, k2 = np.zeros(len(p)), np.ones(len(q))
    for _ in range(100_000):
        before = k1
        k1 = np.asarray(p) / (kernel @ k2)
        k2 = np.asarray(q) / (kernel.T @ k1)
        if np.allclose(k1, before, rtol=1e-12, atol=0):
            break
    return np.diag(k1) @ kernel @ np.diag(k2)


def sim_ot(
    rows: Sequence[Vector], columns: Sequence[Vector], p: Sequence[float], q: Sequence[float], epsilon: float
) -> float:
    """Sim_OT = sum_ij T*_ij cos(a_i, a'_j) (9), with C_ij = 1 - cos(a_i, a'_j) (7)."""
    cosines = np.array([[cos(x, y) for y in columns] for x in rows])
    transported = plan(1 - cosines, p, q, epsilon)
    return float(sum(transported[i, j] * cosines[i, j] for i in range(len(rows)) for j in range(len(columns))))


def mass(sound: Sound, reading: Reading) -> list[float]:
    """p_i: 1 / n_a (3), or the encoder's."""
    return [1 / len(sound.segments)] * len(sound.segments) if reading.uniform else sound.mass


def gathered(affinities: Sequence[float], labels: Sequence[int], classes: int, reading: Reading) -> Vector:
    """sum_i M_i V_i (2, 11)."""
    v = one_hot(labels, classes)
    pro = np.zeros(classes)
    for j in range(classes):
        pro[j] = sum(m * v[i][j] for i, m in enumerate(affinities))
        if not reading.summed:
            pro[j] /= sum(v[i][j] for i in range(len(labels)))
    return pro


def pro_ckc(test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading) -> Vector:
    """(1) (2)."""
    affinities = [phi(cos(coarse(test), coarse(shot)), reading.beta) for shot in shots]
    return gathered(affinities, labels, classes, reading)


def pro_fkc(test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading) -> Vector:
    """(3)-(11)."""
    affinities = []
    for shot in shots:
        p, q = mass(test, reading), mass(shot, reading)
        affinities.append(phi(sim_ot(test.segments, shot.segments, p, q, reading.epsilon), reading.beta))
    return gathered(affinities, labels, classes, reading)


def shares(sims: Sequence[float], reading: Reading) -> list[float]:
    """w_i = sim_i / sum_k sim_k (14)."""
    if reading.softmax is None:
        clamped = [max(sim, 1e-4) for sim in sims]
    else:
        clamped = [math.exp(sim / reading.softmax) for sim in sims]
    return [value / sum(clamped) for value in clamped]


def sim_lw(fused: Vector, sentences: Sequence[Vector], reading: Reading) -> float:
    """(14) (15)."""
    sims = [cos(fused, sentence) for sentence in sentences]
    return sum(w * sim for w, sim in zip(shares(sims, reading), sims, strict=True))


def unit(x: Vector) -> Vector:
    return x / math.sqrt(float(x @ x))


def pro_ccc(test: Sound, explanations: Sequence[Sequence[Vector]], weights: Weights, reading: Reading) -> Vector:
    """(13)-(16)."""
    fused = weights.w_c @ np.concatenate([unit(coarse(test)), test.caption])
    return np.array([sim_lw(fused, sentences, reading) for sentences in explanations])


def pro_fcc(test: Sound, explanations: Sequence[Sequence[Vector]], weights: Weights, reading: Reading) -> Vector:
    """(17)-(19)."""
    fused = [weights.w_f @ (weights.w_p @ np.concatenate([a, test.caption])) for a in test.segments]
    pro = []
    for sentences in explanations:
        q = [1 / len(sentences)] * len(sentences)
        pro.append(sim_ot(fused, sentences, mass(test, reading), q, reading.epsilon))
    return np.array(pro)


def pro_total(
    test: Sound,
    shots: Sequence[Sound],
    labels: Sequence[int],
    explanations: Sequence[Sequence[Vector]],
    weights: Weights,
    reading: Reading,
) -> Vector:
    """alpha Pro_cache (12) + Pro_contrast (20) (21)."""
    classes = len(explanations)
    cache = pro_ckc(test, shots, labels, classes, reading) + pro_fkc(test, shots, labels, classes, reading)
    contrast = pro_ccc(test, explanations, weights, reading) + pro_fcc(test, explanations, weights, reading)
    return reading.alpha * cache + reading.contrast_scale * contrast
