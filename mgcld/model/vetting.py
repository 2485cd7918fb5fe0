"""Whether an adapter's tensors are such as training makes, wherever its file comes from; `vetting_notes` has the rest.

What passes predicts probabilities that are finite and sum to 1, in time and memory that follow from the file's size.
Everything raises a ValueError that names what is wrong.
"""

from collections.abc import Mapping, Sequence

from torch import Tensor

AXES: Mapping[str, str] = {
    "keys.coarse": "shots audio",
    "keys.fine": "shots segments audio",
    "keys.weights": "shots segments",
    "values": "shots classes",
    "solved": "shots classes",
    "within.mix": "shots rank",
    "within.shrink": "rank",
    "within.coordinates": "shots rank",
    "within.lengths": "shots",
    "within_fine.mix": "shots fine_rank",
    "within_fine.shrink": "fine_rank",
    "within_fine.coordinates": "shots fine_rank",
    "within_fine.lengths": "shots",
    "alike.coarse": "1 classes",
    "alike.fine": "1 classes",
    "centre.coarse": "1 classes",
    "centre.fine": "1 classes",
    "explanations.rows": "classes sentences text",
    "explanations.weights": "classes sentences",
    "fusion.w_c.weight": "text audio+text",
    "fusion.w_p.weight": "text audio+text",
    "fusion.w_f.weight": "text text",
}
"""Every tensor and what its axes are; each axis has one length throughout."""
BACKGROUND_AXES: Mapping[str, str] = {
    "background.coarse": "backgrounds audio",
    "background.fine": "backgrounds background_segments audio",
    "background.weights": "backgrounds background_segments",
}
"""There where there are shots of "none of these"."""
LATER = frozenset({"solved"})
"""Not in files of the format before."""
MOST: Mapping[str, int] = {
    "shots": 100_000,
    "backgrounds": 100_000,
    "classes": 5_000,
    "sentences": 500,
    "segments": 20_000,
    "background_segments": 20_000,
    "audio": 8_192,
    "text": 8_192,
    "rank": 100_000,
    "fine_rank": 100_000,
}
EMPTY = frozenset({"rank", "fine_rank"})
"""Axes that may have no length: where each class has one shot there is nothing to shrink."""
LIMITS: Mapping[str, tuple[float, float]] = {
    "within.mix": (-1e6, 1e6),
    "within.shrink": (0, 1),
    "within.coordinates": (-1e6, 1e6),
    "within.lengths": (1e-3, 10),
    "within_fine.mix": (-1e6, 1e6),
    "within_fine.shrink": (0, 1),
    "within_fine.coordinates": (-1e6, 1e6),
    "within_fine.lengths": (1e-3, 10),
    "alike.coarse": (1e-6, 10),
    "alike.fine": (1e-6, 10),
    "centre.coarse": (-10, 10),
    "centre.fine": (-10, 10),
    "solved": (-1e6, 1e6),
    "fusion.w_c.weight": (-1e4, 1e4),
    "fusion.w_p.weight": (-1e4, 1e4),
    "fusion.w_f.weight": (-1e4, 1e4),
}
"""Wide of anything that training makes, and narrow enough that nothing that is computed with them overflows."""
UNIT = ("keys.coarse", "keys.fine", "background.coarse", "background.fine", "explanations.rows")
"""Their rows have length 1, or 0 where they are padding."""
SHARES = ("keys.weights", "background.weights", "explanations.weights")
"""Their rows are shares that sum to 1."""
CLOSE = 1e-2


def check_shapes(shapes: Mapping[str, Sequence[int]], classes: int) -> None:
    """Before anything is read: every tensor there, none too much, all of lengths that fit each other.

    Raises:
        ValueError: they do not.
    """
    wanted = {**AXES, **(BACKGROUND_AXES if any(name.startswith("background.") for name in shapes) else {})}
    strange = sorted(shapes.keys() - wanted.keys())
    missing = sorted(wanted.keys() - shapes.keys() - LATER)
    if strange or missing:
        raise ValueError(f"no such tensor is known: {strange[0][:80]!r}" if strange else f"{missing[0]} is missing")
    lengths = {"1": 1, "classes": classes}
    for name, axes in wanted.items():
        if name in shapes:
            _bind(name, axes.split(), shapes[name], lengths)


def check_tensors(tensors: Mapping[str, Tensor], sentences: Sequence[int]) -> None:
    """Numbers that fit what they stand for; `sentences` is how many each class has.

    Raises:
        ValueError: a number is not finite or out of range, or shares do not sum to 1.
    """
    for name, tensor in tensors.items():
        low, high = LIMITS.get(name, (-1.0 - CLOSE, 1.0 + CLOSE))
        if not bool(((tensor >= low) & (tensor <= high)).all()):  # what is no number is in no range
            raise ValueError(f"{name} holds a number that is not from {low:g} to {high:g}")
    for name in UNIT:
        if name in tensors and bool((tensors[name].norm(dim=-1) > 1 + CLOSE).any()):
            raise ValueError(f"{name} holds a row that is longer than 1")
    for name in SHARES:
        if name in tensors and not _are_shares(tensors[name]):
            raise ValueError(f"{name} holds a row whose shares do not sum to 1")
    values = tensors["values"]
    if not (bool(((values == 0) | (values == 1)).all()) and bool((values.sum(1) == 1).all())):
        raise ValueError("values names a shot that is not of one class")
    if bool((values.sum(0) == 0).any()):
        raise ValueError("values names no shot of a class")
    if (tensors["explanations.weights"] > 0).sum(1).tolist() != [*sentences]:
        raise ValueError("explanations.weights does not fit the sentences")


def _bind(name: str, axes: Sequence[str], shape: Sequence[int], lengths: dict[str, int]) -> None:
    if len(shape) != len(axes):
        raise ValueError(f"{name} has {len(shape)} axes, not {len(axes)}")
    for axis, length in zip(axes, shape, strict=True):
        parts = axis.split("+")
        known = sum(lengths[part] for part in parts) if all(part in lengths for part in parts) else None
        if known is None and not int(axis not in EMPTY) <= length <= MOST[axis]:
            raise ValueError(f"{name} is {length} long ({axis})")
        if length != lengths.setdefault(axis, length if known is None else known):
            raise ValueError(f"{name} is {length} long where it should be {lengths[axis]} ({axis})")


def _are_shares(rows: Tensor) -> bool:
    return bool((rows >= 0).all()) and bool(((rows.sum(-1) - 1).abs() <= CLOSE).all())
