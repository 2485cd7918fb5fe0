"""The rows of the paper's five tables, each for the method as printed and for ours."""

from collections.abc import Mapping
from dataclasses import replace
from functools import partial

import torch

from mgcld.evaluation.bank import Bank, Texts
from mgcld.evaluation.methods import METHODS, OURS, Method, mgc, without
from mgcld.model.contrast import Explanations
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions

TITLES: Mapping[int, str] = {
    1: "methods",
    2: "what the contrast hears: the caption only, the audio only, both",
    3: "number of explanations of each class",
    4: "without each part of the cache",
    5: "without each part of the contrast",
}
MODES: Mapping[str, MethodOptions] = {"MGC paper": PAPER, OURS: MGCL_PLUS}
COUNTS = (2, 4, 6, 8)


def rows_of(table: int, sentences: int) -> list[Method]:
    """The methods of a table, in its order. `sentences`: the most explanations that any class has."""
    if table == 1:
        return list(METHODS)
    rows = []
    for mode, options in MODES.items():
        if table == 2:
            rows += [
                mgc(f"{mode}, caption only", options, _mute),
                mgc(f"{mode}, audio only", options, _without_captions),
                mgc(mode, options),
            ]
        elif table == 3:
            rows.append(mgc(f"{mode}, name only", options, partial(_explained, count=0)))
            counts = [count for count in COUNTS if count <= sentences]
            rows += [mgc(f"{mode}, {n} explanations", options, partial(_explained, count=n)) for n in counts]
        else:
            grain = "cache" if table == 4 else "contrast"
            parts = (f"coarse_{grain}", f"fine_{grain}")
            dropped = [parts[:1], parts[1:], parts]
            rows += [mgc(f"{mode} without {' and '.join(names)}", without(options, *names)) for names in dropped]
            rows.append(mgc(mode, options))
    return rows


def _mute(bank: Bank) -> Bank:
    return replace(bank, mute=True)


def _without_captions(bank: Bank) -> Bank:
    """The aligned audio stands in for the caption, as where there is no captioner (R_t := R_a)."""
    aligned = torch.nn.functional.normalize(bank.coarse @ bank.texts.alignment, dim=-1)
    return replace(bank, caption=aligned)


def _explained(bank: Bank, count: int) -> Bank:
    """With the first so many explanations of each class; 0 is one sentence with its name."""
    texts = bank.texts
    rows, weights = texts.explanations.rows[:, :count], texts.explanations.weights[:, :count]
    if not count:
        rows, weights = texts.name[:, None], torch.ones(len(texts.name), 1)
    explanations = Explanations(rows, weights / weights.sum(1, keepdim=True))
    return replace(bank, texts=Texts(texts.name, explanations, texts.alignment))
