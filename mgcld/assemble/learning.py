"""What training and evaluation need."""

from pathlib import Path

from mgcld.assemble.parts import build_encoder, build_part, file_at_full_speed, fitting_listener
from mgcld.config import Part
from mgcld.evaluation.features import Ear, default_cache
from mgcld.interfaces import Explainer
from mgcld.model.options import PRESETS, Mode
from mgcld.training.train import Progress, Trainer

WINDOW_SECONDS = 5.0
"""Of a new adapter."""


def build_trainer(
    *, encoder: Part, captioner: Part | None = None, explainer: Part | None = None, mode: Mode, progress: Progress
) -> Trainer:
    """Everything that `mgcld train` needs; without a captioner, the one that fits the encoder.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    writer: Explainer = build_part("explainer", explainer or Part(type=usual_explainer(encoder)), "explainer")
    listener, noted = fitting_listener(build_encoder(encoder), captioner)
    return Trainer(
        listener=listener,
        captioner=noted,
        open_file=file_at_full_speed,
        explainer=writer,
        options=PRESETS[mode],
        window_seconds=WINDOW_SECONDS,
        progress=progress,
    )


def build_ear(
    *,
    encoder: Part,
    captioner: Part | None = None,
    explainer: Part | None = None,
    cache: Path | None,
    progress: Progress,
) -> tuple[Ear, Explainer]:
    """What `mgcld eval` hears a data set with, and who explains its classes; the captioner as in training.

    Raises:
        MgcldError: no such part, or its weights or its device are not here.
    """
    writer: Explainer = build_part("explainer", explainer or Part(type=usual_explainer(encoder)), "explainer")
    listener, noted = fitting_listener(build_encoder(encoder), captioner)
    ear = Ear(
        listener=listener,
        captioner=noted,
        open_file=file_at_full_speed,
        window_seconds=WINDOW_SECONDS,
        cache=cache or default_cache(),
        progress=progress,
    )
    return ear, writer


def usual_explainer(encoder: Part) -> str:
    """The bank of written sentences, but for `mini` the class's name in a few phrasings.

    Its text is a bag of words, to which a sentence about a sound says less than the sound's name: on recordings kept
    aside, zero-shot with the bank was 3 to 4 points lower, and the adapter the same.
    """
    return "template" if encoder.type == "mini" else "bank"
