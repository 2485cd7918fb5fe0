"""`mgcld eval --open-set`: is the unknown told from the known, and are the probabilities true?

Each episode's classes are the known ones. Unknown are questions of the classes that it left out (no source recording
shared with a shot), and generated sounds of other things. Beside them stand generated backgrounds, as a room sounds in
which nothing happens.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from sklearn.metrics import roc_auc_score

from mgcld.evaluation.bank import Bank
from mgcld.evaluation.bootstrap import SEED, binned
from mgcld.evaluation.datasets import DataSet
from mgcld.evaluation.episodes import Episode
from mgcld.evaluation.methods import Ground
from mgcld.evaluation.mgc import adapted, answers, foreign_of
from mgcld.evaluation.processes import spread
from mgcld.evaluation.results import Interval
from mgcld.evaluation.sheets import Sheet
from mgcld.evaluation.tasks import asked
from mgcld.model.options import MGCL_PLUS, MethodOptions

RECALL = 0.9
CHUNK = 5
NAMES: Mapping[str, str] = {
    "auroc_left_out_classes": "AUROC, classes left out",
    "auroc_generated_sounds": "AUROC, generated sounds",
    "auroc": "AUROC, both",
    "auroc_of_nearest_prototype": "  by cosine to the nearest prototype",
    "auroc_backgrounds": "AUROC, backgrounds",
    "ece_among_classes": "ECE among the classes",
    "ece_with_unknown": "ECE, unknown an answer too",
    "alarms_per_hour_at_90_recall": "false alarms an hour at 90 % recall",
    "recall_at_half": "recall at p >= 0.5 (%)",
    "alarms_per_hour_at_half": "false alarms an hour at p >= 0.5",
}


@dataclass(frozen=True, slots=True)
class Pools:
    """Which clips of the bank are what."""

    things: tuple[int, ...]
    places: tuple[int, ...]
    sources: tuple[str, ...]
    """Of the data set's clips."""
    labels: tuple[int, ...]
    """Class of each of the data set's clips."""
    queries: frozenset[int]
    """Clips of the data set that may be asked about."""
    window_seconds: float


@dataclass(frozen=True, slots=True, eq=False)
class OpenCell:
    """All episodes of one way and number of shots."""

    way: int
    shots: int
    figures: Mapping[str, Interval]
    """By the names of `NAMES`; one that nothing was there for is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class _Heard:
    """What one episode gave."""

    figures: dict[str, float] = field(default_factory=dict)
    among: tuple[np.ndarray, np.ndarray] = field(default=(np.zeros(0), np.zeros(0)))
    """(sure, right) of known questions, among the classes."""
    whole: tuple[np.ndarray, np.ndarray] = field(default=(np.zeros(0), np.zeros(0)))
    """(sure, right) of as many known as unknown questions, unknown being an answer."""


def pools_of(dataset: DataSet, things: int, places: int, query_folds: Sequence[str], window_seconds: float) -> Pools:
    """The data set's clips come first in the bank, then things, then places."""
    clips = dataset.clips
    allowed = frozenset(i for i, clip in enumerate(clips) if not query_folds or clip.fold in query_folds)
    return Pools(
        tuple(range(len(clips), len(clips) + things)),
        tuple(range(len(clips) + things, len(clips) + things + places)),
        tuple(clip.source for clip in clips),
        tuple(dataset.classes.index(clip.name) for clip in clips),
        allowed,
        window_seconds,
    )


def open_cell(
    ground: Ground,
    pools: Pools,
    episodes: Sequence[Episode],
    *,
    jobs: int,
    progress: Callable[[int, int], None],
    options: MethodOptions = MGCL_PLUS,
) -> OpenCell:
    """Ask about the known and the unknown."""
    chunks = [range(i, min(i + CHUNK, len(episodes))) for i in range(0, len(episodes), CHUNK)]
    found: list[list[_Heard]] = [[] for _ in chunks]

    def chunk(index: int) -> list[_Heard]:
        return [_asked(ground, pools, episodes[i], i, options) for i in chunks[index]]

    with spread(chunk, len(chunks), jobs) as pieces:
        for done, (index, heard) in enumerate(pieces, 1):
            found[index] = heard
            progress(min(done * CHUNK, len(episodes)), len(episodes))
    heard = [item for part in found for item in part]
    first = episodes[0]
    return OpenCell(len(first.classes), len(first.support[0]), _figures(heard))


def _asked(ground: Ground, pools: Pools, episode: Episode, turn: int, options: MethodOptions) -> _Heard:
    bank = ground.bank
    known, truth = (rows[0] for rows in asked([episode]))
    left_out = _left_out(pools, episode, turn, len(known))
    parts = [known.tolist(), left_out, list(pools.things), list(pools.places)]
    clips = torch.tensor([i for part in parts for i in part])
    said = answers(adapted(bank, episode, foreign_of(ground.foreign, options), options), clips)
    ends = np.cumsum([len(part) for part in parts])
    of_known, of_left_out, of_things, of_places = (
        slice(end - len(part), end) for end, part in zip(ends, parts, strict=True)
    )
    score = 1 - said.unknown.double().numpy()
    nearest = _nearest_prototype(bank, episode, clips)
    unknown = {"left_out_classes": of_left_out, "generated_sounds": of_things, "backgrounds": of_places}
    figures = {
        f"auroc_{name}": auroc(score[of_known], score[rows])
        for name, rows in unknown.items()
        if rows.start != rows.stop
    }
    if ends[0] < ends[2]:
        figures["auroc"] = auroc(score[of_known], score[ends[0] : ends[2]])
        figures["auroc_of_nearest_prototype"] = auroc(nearest[of_known], nearest[ends[0] : ends[2]])
    p, labels = said.p.double().numpy(), truth.numpy()
    figures |= _alarms(p[np.arange(len(labels)), labels], p[of_places].max(1), pools.window_seconds)
    among = said.logits[: ends[0]].double().softmax(1).max(1)
    right = (among.indices == truth).numpy()
    return _Heard(figures, (among.values.numpy(), right), _whole(said.p, said.unknown, truth, ends, turn))


def _left_out(pools: Pools, episode: Episode, turn: int, count: int) -> list[int]:
    """As many questions of other classes as there are known ones, none cut from a shot's recording."""
    heard = {pools.sources[i] for own in episode.support for i in own}
    free = [
        i for i in sorted(pools.queries) if pools.labels[i] not in episode.classes and pools.sources[i] not in heard
    ]
    random = np.random.default_rng([SEED, turn])
    return [int(i) for i in random.permutation(free)[:count]]


def _nearest_prototype(bank: Bank, episode: Episode, clips: torch.Tensor) -> Float[np.ndarray, " clips"]:
    """What anybody could do: the cosine to the nearest class's mean."""
    means = torch.stack([bank.coarse[torch.tensor(own)].mean(0) for own in episode.support])
    near = bank.coarse[clips] @ torch.nn.functional.normalize(means, dim=-1).T
    return np.asarray(near.amax(1).double().numpy())


def auroc(known: Float[np.ndarray, " known"], unknown: Float[np.ndarray, " unknown"]) -> float:
    """The chance that a known sound scores higher than an unknown one."""
    labels = np.r_[np.ones(len(known)), np.zeros(len(unknown))]
    return float(roc_auc_score(labels, np.r_[known, unknown]))


def _alarms(
    own: Float[np.ndarray, " known"], loudest: Float[np.ndarray, " places"], window_seconds: float
) -> dict[str, float]:
    """`own`: the true class's probability of each known question; `loudest`: the best of any class on backgrounds."""
    hourly = 3600 / window_seconds
    threshold = float(np.quantile(own, 1 - RECALL))
    return {
        "alarms_per_hour_at_90_recall": hourly * float((loudest >= threshold).mean()),
        "recall_at_half": float((own >= 0.5).mean()),
        "alarms_per_hour_at_half": hourly * float((loudest >= 0.5).mean()),
    }


def _whole(
    p: torch.Tensor, unknown: torch.Tensor, truth: torch.Tensor, ends: np.ndarray, turn: int
) -> tuple[Float[np.ndarray, " answers"], Bool[np.ndarray, " answers"]]:
    """The best answer of all, and whether it is right: as many known questions as unknown sounds, no backgrounds."""
    best = torch.cat([p, unknown[:, None]], 1).double().max(1)
    known, others = np.arange(ends[0]), np.arange(ends[0], ends[2])
    random = np.random.default_rng([SEED, turn])
    some = min(len(known), len(others))
    chosen = np.r_[random.permutation(known)[:some], random.permutation(others)[:some]]
    wanted = np.full(len(p), p.shape[1])
    wanted[: len(truth)] = truth.numpy()
    return best.values.numpy()[chosen], (best.indices.numpy() == wanted)[chosen]


def _figures(heard: Sequence[_Heard]) -> dict[str, Interval]:
    """Means over episodes (calibration errors: over all their answers), resampled by episode."""
    random = np.random.default_rng(SEED)
    draws = random.integers(0, len(heard), (500, len(heard)))
    found = {}
    for name in NAMES:
        if name.startswith("ece"):
            answered = [item.among if name == "ece_among_classes" else item.whole for item in heard]
            values = [_error(answered, range(len(heard))), *(_error(answered, draw) for draw in draws[:200])]
        elif all(name in item.figures for item in heard):
            each = np.array([item.figures[name] for item in heard])
            values = [float(each.mean()), *each[draws].mean(1)]
        else:
            continue
        low, high = np.quantile(values[1:], (0.025, 0.975))
        found[name] = Interval(values[0], float(low), float(high))
    return found


def _error(answered: Sequence[tuple[np.ndarray, np.ndarray]], chosen: Sequence[int] | range | np.ndarray) -> float:
    sure, right = (np.concatenate([answered[i][part] for i in chosen]) for part in (0, 1))
    return binned(sure, right.astype(bool))[1]


def sheets_of(cells: Sequence[OpenCell]) -> list[Sheet]:
    """A table for each way: figures against shots."""
    sheets = []
    for way in dict.fromkeys(cell.way for cell in cells):
        own = [cell for cell in cells if cell.way == way]
        rows = [
            (said, *(_shown(name, cell.figures[name]) for cell in own))
            for name, said in NAMES.items()
            if all(name in cell.figures for cell in own)
        ]
        columns = ("mgcl+ [95 %]", *(f"{cell.shots} shot{'' if cell.shots == 1 else 's'}" for cell in own))
        sheets.append(Sheet(f"{way} known classes, and sounds that are none of them", columns, tuple(rows)))
    return sheets


def _shown(name: str, figure: Interval) -> str:
    if name.startswith("alarms"):
        return f"{figure.mean:.0f} [{figure.low:.0f}, {figure.high:.0f}]"
    if name.startswith("recall"):
        return f"{100 * figure.mean:.1f} [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"
    return f"{figure.mean:.3f} [{figure.low:.3f}, {figure.high:.3f}]"
