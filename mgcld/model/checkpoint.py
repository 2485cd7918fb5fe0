"""The adapter file: one safetensors file, written whole or not at all."""

import dataclasses
import hashlib
import json
import logging
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from mgcld.errors import CheckpointError, EncoderMismatch
from mgcld.files import write_whole
from mgcld.interfaces import Captioner, Encoder
from mgcld.model.adapter import Adapter
from mgcld.model.adapter_file import Header, read_content, read_header
from mgcld.model.cache import Keys
from mgcld.model.contrast import Explanations, Fusion
from mgcld.model.head import Head
from mgcld.model.parts import Cohesion, Contrasts
from mgcld.model.vetting import check_shapes, check_tensors
from mgcld.model.vetting_notes import vetted_notes
from mgcld.model.within import Within
from mgcld.names import printable

FORMAT = "mgcld-adapter/4"
READABLE = (FORMAT, "mgcld-adapter/3")
"""The one before did not say what had written its captions, and solved no values.

In files of both, the threshold of `unknown` may be of an earlier rule (that of the nearest class alone): then foreign
sounds are taken for a class a little more often than it was made for, until it is trained again."""

MOST_SAID = 500
"""Of what is wrong with a file (characters)."""

logger = logging.getLogger(__name__)


def save_adapter(adapter: Adapter, path: Path) -> None:
    """Write the file beside its place, flush it to the disk, then rename it into place.

    Raises:
        CheckpointError: the folder cannot be written, or no such adapter could be read again; what stood at `path`
            before still stands.
    """
    path = path.resolve()  # what a link points to, not the link
    check_writable(path)
    content = save(_tensors(adapter), {"mgcld": json.dumps(_notes(adapter))})
    try:
        _vetted(content, read_header(content))
    except ValueError as error:
        help = "use fewer or other recordings, classes, sentences or options"
        raise CheckpointError(f"{path} could not be read again: {error}", help=help) from error
    try:
        write_whole(path, content)
    except OSError as error:
        raise _unwritable(path, error) from error


def check_writable(path: Path) -> None:
    """Make sure, before any work is done, that an adapter can be written to `path`.

    Raises:
        CheckpointError: it cannot.
    """
    try:
        if path.is_dir():
            help = f"write -o {path / 'adapter.safetensors'}"
            raise CheckpointError(f"cannot write {path}: it is a folder", help=help)
        if path.exists() and not path.is_file():
            raise CheckpointError(f"cannot write {path}: it is no regular file", help="choose another place with -o")
        tempfile.TemporaryFile(dir=path.resolve().parent).close()
    except OSError as error:
        raise _unwritable(path, error) from error


def load_adapter(path: Path) -> Adapter:
    """Read an adapter, on the CPU.

    Raises:
        CheckpointError: there is no such file, or it is not an adapter.
    """
    return read_adapter(path)[0]


def read_adapter(path: Path) -> tuple[Adapter, str]:
    """An adapter and its short hash, both of the same bytes, whatever is renamed into their place meanwhile.

    Raises:
        CheckpointError: there is no such file, or it is not an adapter.
    """
    help = "give the file that `mgcld train` wrote, or train anew"
    try:
        if not path.exists():
            raise CheckpointError(f"there is no adapter at {path}", help=f"make one with: {_TRAIN} {path}")
        content = read_content(path)
        header = read_header(content)
        _check_format(header.notes, path)
        return _vetted(content, header), _short(content)
    except (SafetensorError, OSError, ValueError, KeyError, TypeError, RuntimeError) as error:
        said = printable(str(error))[:MOST_SAID]  # libraries repeat what stands in the file
        raise CheckpointError(f"{path} cannot be read as an adapter: {said}", help=help) from error


def _vetted(content: bytes, header: Header) -> Adapter:
    notes = vetted_notes(header.notes)
    check_shapes(header.shapes, len(notes["classes"]))  # before tensors of any size are made
    tensors = {name: tensor.float() for name, tensor in load(content).items()}
    check_tensors(tensors, [len(own) for own in notes["sentences"]])
    return _adapter(tensors, notes)


_TRAIN = "mgcld train --shots ./support -o"


def _check_format(notes: Any, path: Path) -> None:
    found = str(notes.get("format"))[:40] if isinstance(notes, dict) else ""
    if found in READABLE:
        return
    if found.startswith("mgcld-adapter/"):
        raise CheckpointError(
            f"{path} was made by another version of mgcld: its format is {found}, not {FORMAT}",
            help=f"train it again, on the same recordings: {_TRAIN} {path}",
        )
    raise CheckpointError(f"{path} is no adapter", help=f"make one with: {_TRAIN} adapter.safetensors")


def check_encoder(adapter: Adapter, encoder: Encoder) -> None:
    """Refuse an adapter that another encoder's features were used for.

    Raises:
        EncoderMismatch: it names both, or the adapter's features cannot be this one's.
    """
    made = adapter.provenance
    if made.weights_hash == encoder.weights_hash:
        _check_dimensions(adapter, encoder)
        return
    captioner = "retrieval" if made.captioner.startswith("tags") and not encoder.tag_names else made.captioner
    then = f", with the weights of then (mgcld {made.mgcld})" if made.encoder == encoder.name else ""
    raise EncoderMismatch(
        f"this adapter was trained with encoder {made.encoder} ({made.weights_hash[:12]}), "
        f"but {encoder.name} ({encoder.weights_hash[:12]}) is loaded",
        help=f"train it again: mgcld train --shots ./support --encoder {shlex.quote(encoder.name)} "
        f"--captioner {shlex.quote(captioner)}; or load the encoder that it was trained with: "
        f"--encoder {shlex.quote(made.encoder)}{then}",
    )


def _check_dimensions(adapter: Adapter, encoder: Encoder) -> None:
    """Anybody can write a hash into a file."""
    own = adapter.keys.coarse.shape[1], adapter.head.explanations.rows.shape[2]
    if own != (encoder.audio_dim, encoder.text_dim):
        raise EncoderMismatch(
            f"this adapter names {encoder.name}'s weights, but its features have {own[0]} and {own[1]} numbers, not "
            f"{encoder.audio_dim} and {encoder.text_dim}",
            help="it is damaged or was made up: train one with mgcld train --shots ./support",
        )


def check_captioner(adapter: Adapter, captioner: Captioner) -> None:
    """Warn where the captions will be of another kind than in training: their share is small, so it is no error."""
    made, now = adapter.provenance.captions, captioner.provenance
    if made and made != now:
        logger.warning(
            "this adapter was trained with captions by %s, but now they are by %s: train it again with these, or leave "
            "the captioner to the adapter",
            made,
            now,
        )


def adapter_hash(path: Path) -> str:
    """The short hash that goes into every message: the first 12 digits of the file's sha256."""
    return _short(read_content(path))


def _short(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def _unwritable(path: Path, error: OSError) -> CheckpointError:
    """The error that says that an adapter cannot be written to `path`."""
    return CheckpointError(
        f"cannot write {path}: {error.strerror}", help="choose another place with -o; the folder must exist"
    )


def _tensors(adapter: Adapter) -> dict[str, Tensor]:
    head = adapter.head
    named = {
        **_of("keys", adapter.keys),
        **({} if adapter.background is None else _of("background", adapter.background)),
        **_of("explanations", head.explanations),
        **_of("within", head.within),
        **_of("within_fine", head.within_fine),
        **_of("alike", head.alike),
        **_of("centre", head.centre),
        "values": head.values,
        "solved": head.solved,
        **{f"fusion.{name}": weight for name, weight in head.fusion.state_dict().items()},
    }
    return {name: tensor.detach().float().cpu().contiguous() for name, tensor in named.items()}


def _of(prefix: str, record: Keys | Explanations | Within | Cohesion | Contrasts) -> dict[str, Tensor]:
    return {f"{prefix}.{field.name}": getattr(record, field.name) for field in dataclasses.fields(record)}


def _notes(adapter: Adapter) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "classes": adapter.classes,
        "sentences": adapter.sentences,
        "options": dataclasses.asdict(adapter.options),
        "calibration": dataclasses.asdict(adapter.calibration),
        "thresholds": adapter.thresholds,
        "provenance": dataclasses.asdict(adapter.provenance),
    }


def _adapter(tensors: Mapping[str, Tensor], notes: Mapping[str, Any]) -> Adapter:
    def part(prefix: str) -> dict[str, Tensor]:
        return {name.removeprefix(prefix): t for name, t in tensors.items() if name.startswith(prefix)}

    text_dim, joined = tensors["fusion.w_c.weight"].shape
    fusion = Fusion(joined - text_dim, text_dim)
    fusion.load_state_dict(part("fusion."))
    head = Head(
        options=notes["options"],
        values=tensors["values"],
        within=Within(**part("within.")),
        within_fine=Within(**part("within_fine.")),
        alike=Cohesion(**part("alike.")),
        solved=tensors.get("solved", torch.zeros_like(tensors["values"])),
        explanations=Explanations(**part("explanations.")),
        fusion=fusion.requires_grad_(False),
        centre=Contrasts(**part("centre.")),
    )
    return Adapter(
        classes=tuple(notes["classes"]),
        keys=Keys(**part("keys.")),
        background=Keys(**part("background.")) if "background.coarse" in tensors else None,
        head=head,
        sentences=tuple(tuple(sentences) for sentences in notes["sentences"]),
        calibration=notes["calibration"],
        thresholds=tuple(notes["thresholds"]),
        provenance=notes["provenance"],
    )
