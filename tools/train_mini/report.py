"""How good weights of mini are on ESC-10's test fold and on UrbanSound8K: to be told, never to choose by.

Each of all classes has so many shots, every one of another recording; queries are of recordings that no shot is of.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from mgcld_plugins.encoders.mini import MiniEncoder
from torch import Tensor
from torch.nn.functional import normalize

from .clips import Clip, decoded
from .episodes import zero_shot
from .evaluate import heard
from .pool import TEST_FOLD

SHOTS, QUESTIONS = (1, 5), 8


def main() -> None:
    """Print a line for each file of weights and each data set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", type=Path, nargs="+")
    parser.add_argument("--esc10", type=Path, help="<class>/<fold>-<recording>-<take>.ogg")
    parser.add_argument(
        "--urbansound8k", type=Path, help="<class>/fold<n>_<recording>-<class>-<occurrence>-<slice>.flac"
    )
    parser.add_argument("--draws", type=int, default=150)
    wish = parser.parse_args()
    torch.set_num_threads(1)
    for folder in filter(None, (wish.esc10, wish.urbansound8k)):
        groups = {path.name: clips_of(path) for path in sorted(folder.iterdir()) if path.is_dir()}
        for weights in wish.weights:
            print(f"{line(MiniEncoder('cpu', weights), groups, wish.draws)}  {folder.name}  {weights}", flush=True)


def clips_of(folder: Path) -> list[Clip]:
    """`original` is `<fold>-<recording>`; UrbanSound8K has folds of its own, none of them for tests here."""
    rows = []
    for path in sorted(folder.iterdir()):
        fold, recording = path.stem.replace("_", "-").split("-")[:2]
        rows.append({"file": path.name, "source_repo": fold, "original_path": recording, "license": "", "text": ""})
    return [decoded(folder, row) for row in rows]


def line(encoder: MiniEncoder, groups: dict[str, list[Clip]], draws: int) -> str:
    """% right: prototypes at each number of shots, then zero-shot on the queries."""
    coarse, semantic, classes = heard(encoder, groups)
    originals = np.array([clip.original for group in groups.values() for clip in group])
    asked = np.array([original.startswith(f"{TEST_FOLD}/") for original in originals])
    if any(original.startswith("fold") for original in originals):
        asked = np.ones(len(originals), bool)
    lent = ~asked if not asked.all() else asked
    names = encoder.embed_text([f"the sound of {name}" for name in groups])
    told = [prototypes(coarse, classes, originals, lent, asked, shot, draws) for shot in SHOTS]
    queries = torch.from_numpy(asked)
    cells = "  ".join(f"{shot}-shot {right:.1f}" for shot, right in zip(SHOTS, told, strict=True))
    return f"{cells}  zero-shot {zero_shot(semantic[queries], names, classes[queries]):.1f}"


def prototypes(
    coarse: Tensor,
    classes: Tensor,
    originals: np.ndarray,
    lent: np.ndarray,
    asked: np.ndarray,
    shots: int,
    draws: int,
) -> float:
    """% right, the mean over draws; `lent` and `asked` say which clips may be shots and queries."""
    random, right = np.random.default_rng([0, shots]), []
    for _ in range(draws):
        keys, queries, truth = [], [], []
        for c in range(int(classes.max()) + 1):
            own = random.permutation(torch.nonzero(classes == c)[:, 0].numpy())
            first = {originals[i]: i for i in own if lent[i]}
            support = dict(list(first.items())[:shots])
            keys.append(coarse[list(support.values())].mean(0))
            rest = [i for i in own if asked[i] and originals[i] not in support][:QUESTIONS]
            queries, truth = queries + rest, truth + [c] * len(rest)
        told = (coarse[queries] @ normalize(torch.stack(keys), dim=-1).T).argmax(1)
        right.append(float((told == torch.tensor(truth)).float().mean()))
    return 100 * float(np.mean(right))


if __name__ == "__main__":
    main()
