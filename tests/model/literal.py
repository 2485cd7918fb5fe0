"""The paper's equations 1-21 once more, and what mgcl+ puts in their place, one number at a time, in plain Python.

Written from the equations, not from `mgcld.model`: slow, in float64, and nothing is shared with what it is compared to.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

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
    """The affinities to the shots of a class; else the closeness to their mean."""
    solved: float = 0.0
    """What solved values say counts so much beside that."""
    softmax: float | None = None
    """Eq. 14 by a softmax of this temperature; else the similarities themselves, clamped."""
    centred: bool = False
    """The contrast of a class is read against what it says of the support set."""
    contrast_scale: float = 1.0


PAPER = Reading()
BETTER = Reading(alpha=1.0, uniform=False, summed=False, solved=1.0, softmax=0.1, centred=True, contrast_scale=2.0)


@dataclass(frozen=True, eq=False)
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
    for _ in range(10_000):
        before = k1
        for _ in range(10):
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


def gathered(affinities: Sequence[float], labels: Sequence[int], classes: int) -> Vector:
    """sum_i M_i V_i (2, 11)."""
    v = one_hot(labels, classes)
    pro = np.zeros(classes)
    for j in range(classes):
        pro[j] = sum(m * v[i][j] for i, m in enumerate(affinities))
    return pro


def pro_ckc(test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading) -> Vector:
    """(1) (2)."""
    affinities = [phi(cos(coarse(test), coarse(shot)), reading.beta) for shot in shots]
    return gathered(affinities, labels, classes)


def pro_fkc(test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading) -> Vector:
    """(3)-(11)."""
    affinities = []
    for shot in shots:
        p, q = mass(test, reading), mass(shot, reading)
        affinities.append(phi(sim_ot(test.segments, shot.segments, p, q, reading.epsilon), reading.beta))
    return gathered(affinities, labels, classes)


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


Kernel = Callable[[Sound, Sound, Reading], float]


def coarse_kernel(one: Sound, other: Sound, reading: Reading) -> float:
    """One number of M^c_affi (1), between any two sounds."""
    return phi(cos(coarse(one), coarse(other)), reading.beta)


@cache
def fine_kernel(one: Sound, other: Sound, reading: Reading) -> float:
    """One number of M^f_affi (10), between any two sounds."""
    p, q = mass(one, reading), mass(other, reading)
    return phi(sim_ot(one.segments, other.segments, p, q, reading.epsilon), reading.beta)


def cohesion(kernel: Kernel, own: Sequence[Sound], reading: Reading) -> float:
    """The length of the mean of a class's shots, seen as vectors whose products are the kernel."""
    products = [kernel(one, other, reading) for one in own for other in own]
    return math.sqrt(sum(products) / len(products))


def closeness(kernel: Kernel, test: Sound, own: Sequence[Sound], reading: Reading) -> float:
    """The x at which phi(x) is the product of a sound with that mean, made as long as 1; -1 if there are no shots."""
    if not own:
        return -1.0
    product = sum(kernel(test, shot, reading) for shot in own) / len(own)
    x = 1 + math.log(product / cohesion(kernel, own, reading)) / reading.beta
    return max(x, -1.0)


def closenesses(
    kernel: Kernel, test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading
) -> Vector:
    """To each class."""
    members = [[shot for shot, label in zip(shots, labels, strict=True) if label == j] for j in range(classes)]
    return np.array([closeness(kernel, test, own, reading) for own in members])


def solved(shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading) -> Matrix:
    """The values of the shots with which both kernels together say one-hot less 1 / N, but for a ridge of 0.3."""
    wanted = np.array(one_hot(labels, classes)) - 1 / classes
    kernel = [[coarse_kernel(a, b, reading) + fine_kernel(a, b, reading) for b in shots] for a in shots]
    return reading.solved * np.linalg.solve(np.array(kernel) + 0.3 * np.eye(len(shots)), wanted)


def centre(said: Sequence[Vector], labels: Sequence[int], classes: int) -> Vector:
    """For each class, midway between what was said for it of its own shots and of the other classes', on average."""
    means = []
    for j in range(classes):
        own = [said[i] for i, label in enumerate(labels) if label == j]
        means.append(sum(own[1:], start=own[0]) / len(own))
    between = []
    for j in range(classes):
        others = [float(means[k][j]) for k in range(classes) if k != j]
        between.append((float(means[j][j]) + sum(others) / len(others)) / 2)
    return np.array(between)


def centres(
    shots: Sequence[Sound],
    labels: Sequence[int],
    explanations: Sequence[Sequence[Vector]],
    weights: Weights,
    reading: Reading,
) -> tuple[Vector, Vector]:
    """What Pro_ccc and Pro_fcc are read against: 0 in the paper."""
    classes = len(explanations)
    if not reading.centred:
        return np.zeros(classes), np.zeros(classes)
    coarse = [pro_ccc(shot, explanations, weights, reading) for shot in shots]
    fine = [pro_fcc(shot, explanations, weights, reading) for shot in shots]
    return centre(coarse, labels, classes), centre(fine, labels, classes)


def said_by_cache(
    test: Sound, shots: Sequence[Sound], labels: Sequence[int], classes: int, reading: Reading
) -> tuple[Vector, Vector]:
    """Pro_ckc and Pro_fkc, or the closenesses in their place."""
    if reading.summed:
        return pro_ckc(test, shots, labels, classes, reading), pro_fkc(test, shots, labels, classes, reading)
    values, said = solved(shots, labels, classes, reading), []
    for kernel in (coarse_kernel, fine_kernel):
        near = closenesses(kernel, test, shots, labels, classes, reading)
        said.append(near + sum(kernel(test, shot, reading) * row for shot, row in zip(shots, values, strict=True)))
    return said[0], said[1]


@dataclass(frozen=True)
class Parts:
    """Pro_ckc, Pro_fkc, Pro_ccc and Pro_fcc, or what mgcl+ says in their place."""

    coarse_cache: Vector
    fine_cache: Vector
    coarse_contrast: Vector
    fine_contrast: Vector


def parts(
    windows: Sequence[Sound],
    shots: Sequence[Sound],
    labels: Sequence[int],
    explanations: Sequence[Sequence[Vector]],
    weights: Weights,
    reading: Reading,
) -> list[Parts]:
    """What is said of each window."""
    coarse_centre, fine_centre = centres(shots, labels, explanations, weights, reading)
    said = []
    for test in windows:
        ckc, fkc = said_by_cache(test, shots, labels, len(explanations), reading)
        ccc = pro_ccc(test, explanations, weights, reading) - coarse_centre
        fcc = pro_fcc(test, explanations, weights, reading) - fine_centre
        said.append(Parts(ckc, fkc, ccc, fcc))
    return said


def pro_total(said: Parts, reading: Reading) -> Vector:
    """alpha Pro_cache (12) + Pro_contrast (20) (21)."""
    cache = said.coarse_cache + said.fine_cache
    contrast = said.coarse_contrast + said.fine_contrast
    return reading.alpha * cache + reading.contrast_scale * contrast
