"""What is known of published checkpoints without having them: revision, licence, size, rate.

Licences are what the hub's cards say. Sizes are those of the weights, float32.
"""

import dataclasses
from collections.abc import Sequence

from mgcld.data import Checkpoint

from .._weights import File, cached, fetching

LAION = Checkpoint(model="", licence="Apache-2.0", sample_rate=48_000, segment_seconds=0.3125)

CLAP = tuple(
    dataclasses.replace(LAION, model=model, revision=revision, megabytes=megabytes)
    for model, revision, megabytes in (
        ("laion/clap-htsat-unfused", "8fa0f1c6d0433df6e97c127f64b2a1d6c0dcda8a", 614.0),
        ("laion/clap-htsat-fused", "cca9e288ab447cee67d9ada1f85ddb46500f1401", 614.0),
        ("laion/larger_clap_general", "ada0c23a36c4e8582805bb38fec3905903f18b41", 776.0),
        ("laion/larger_clap_music", "a0b4534a14f58e20944452dff00a22a06ce629d1", 776.0),
        ("laion/larger_clap_music_and_speech", "195c3a3e68faebb3e2088b9a79e79b43ddbda76b", 776.0),
    )
)


def revision_of(known: Sequence[Checkpoint], model: str) -> str | None:
    """The commit that a known model is taken at."""
    return next((each.revision for each in known if each.model == model), None)


def megabytes_of(known: Sequence[Checkpoint], model: str) -> float | None:
    """The size of a known model's weights."""
    return next((each.megabytes for each in known if each.model == model), None)


def known_here(known: Sequence[Checkpoint], files: Sequence[File], optional: Sequence[str] = ()) -> list[Checkpoint]:
    """The same, each with the answer to whether it is in the hub's cache on this machine, and what brings it there."""
    return [
        dataclasses.replace(
            each,
            here=cached(each.model, files, each.revision) is not None,
            fetch=fetching(each.model, [*files, *optional], each.revision),
        )
        for each in known
    ]
