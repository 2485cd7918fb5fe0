"""Wishes in, objects out: the only room that turns names into parts."""

from .checkup import build_checkup
from .daemon import build_daemon
from .learning import build_ear, build_trainer, usual_explainer
from .parts import build_encoder, build_recogniser, build_source, file_at_full_speed

__all__ = [
    "build_checkup",
    "build_daemon",
    "build_ear",
    "build_encoder",
    "build_recogniser",
    "build_source",
    "build_trainer",
    "file_at_full_speed",
    "usual_explainer",
]
