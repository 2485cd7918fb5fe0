"""Figures that the paper printed (Zhao, Xu, Liu, Du, ACM MM 2024), in percent; only those that are known to us.

Its backbone is MS-CLAP 2022 (CNN14 and BERT), and its 12-way figures on FSDKaggle2018 cannot have come from the
10-label folds that it names. They are shown beside ours only where the encoder is the same.
"""

from collections.abc import Mapping

ENCODER = "msclap-2022"
"""The name under which an encoder with the paper's weights would be configured."""

Shape = tuple[int, int]
"""(way, shots)."""


def _row(five_one: float, five_ten: float, twelve_one: float, twelve_ten: float) -> Mapping[Shape, float]:
    return {(5, 1): five_one, (5, 10): five_ten, (12, 1): twelve_one, (12, 10): twelve_ten}


FIGURES: Mapping[tuple[int, str], Mapping[str, Mapping[Shape, float]]] = {
    (1, "esc50"): {
        "zero-shot, name": _row(96.84, 96.84, 93.65, 93.65),
        "Tip-Adapter-F": _row(96.97, 97.52, 93.97, 95.58),
        "Treff (CALM)": _row(97.44, 98.53, 94.83, 96.29),
        "MGC paper": _row(98.63, 99.54, 98.42, 99.51),
    },
    (1, "fsdkaggle18"): {
        "zero-shot, name": _row(88.76, 88.76, 80.24, 80.24),
        "Tip-Adapter-F": _row(88.98, 90.75, 80.83, 83.92),
        "Treff (CALM)": _row(89.37, 92.31, 81.58, 86.94),
        "MGC paper": _row(90.67, 94.88, 88.06, 93.33),
    },
    (5, "fsdkaggle18"): {
        "MGC paper without coarse_contrast": {(12, 1): 76.57},
        "MGC paper without fine_contrast": {(12, 1): 87.43},
    },
}
"""(table, layout) -> row -> (way, shots) -> accuracy."""

AVERAGES: Mapping[tuple[int, str], Mapping[str, float]] = {
    (1, "esc50"): {"zero-shot, name": 95.25, "Tip-Adapter-F": 96.01, "Treff (CALM)": 96.77, "MGC paper": 99.03},
    (1, "fsdkaggle18"): {"zero-shot, name": 84.50, "Tip-Adapter-F": 86.12, "Treff (CALM)": 87.55, "MGC paper": 91.74},
    (3, "fsdkaggle18"): {
        "MGC paper, name only": 90.90,
        "MGC paper, 2 explanations": 91.19,
        "MGC paper, 4 explanations": 91.45,
        "MGC paper, 6 explanations": 91.65,
        "MGC paper, 8 explanations": 91.74,
    },
}
"""(table, layout) -> row -> the table's last column."""
