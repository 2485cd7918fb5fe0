"""Whether what stands beside an adapter's tensors is such as training writes: texts, options, numbers within ranges."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model

from mgcld.model.adapter import Provenance
from mgcld.model.calibration import Calibration
from mgcld.model.options import MethodOptions
from mgcld.model.parts import Parts
from mgcld.model.vetting import MOST
from mgcld.names import alike, fault_of

_RANGES: Mapping[str, tuple[float, float]] = {
    "beta": (0.01, 10),
    "alpha": (0, 1000),
    "epsilon": (0.005, 10),
    "iterations": (1, 1000),
    "tolerance": (0, 1),
    "solved": (0, 1000),
    "within": (0, 1000),
    "salience_temperature": (1e-3, 100),
    "contrast_scale": (0, 100),
    "audio_share": (0, 1),
    "temperature": (1e-3, 1000),
    "steps": (0, 100_000),
    "learning_rate": (0, 10),
    "decay": (0, 1000),
    "threshold": (-10, 10),
    "width": (1e-3, 10),
    "contrast_weight": (0, 10),
    "window_seconds": (0.1, 60),
}
_LENGTHS: Mapping[str, int] = {
    "without": 200,
    "encoder": 4096,
    "weights_hash": 128,
    "captioner": 16_384,
    "mgcld": 64,
    "captions": 16_384,
}
_STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)
SENTENCE_CHARACTERS = 4096


def _model(record: Any) -> type[BaseModel]:
    """The fields of a record, with their types and how large they may be."""
    hints, fields = get_type_hints(record), dict[str, Any]()
    for field in dataclasses.fields(record):
        kind: Any = hints[field.name]
        if field.name in _RANGES:
            low, high = _RANGES[field.name]
            kind = Annotated[kind, Field(ge=low, le=high)]
        elif field.name in _LENGTHS:
            kind = Annotated[kind, Field(max_length=_LENGTHS[field.name])]
        made = field.default_factory
        usual = field.default if made is dataclasses.MISSING else made()
        fields[field.name] = (kind, ... if usual is dataclasses.MISSING else usual)
    model: type[BaseModel] = create_model(str(record.__name__), __config__=_STRICT, **fields)
    return model


class Notes(BaseModel):
    """What stands beside the tensors."""

    model_config = _STRICT

    format: str
    classes: Annotated[list[str], Field(min_length=1, max_length=MOST["classes"])]
    sentences: list[
        Annotated[
            list[Annotated[str, Field(min_length=1, max_length=SENTENCE_CHARACTERS)]],
            Field(min_length=1, max_length=MOST["sentences"]),
        ]
    ]
    options: dict[str, Any]
    calibration: dict[str, Any]
    thresholds: list[Annotated[float, Field(gt=0, lt=1)]]
    provenance: dict[str, Any]


_RECORDS = {
    "options": (MethodOptions, _model(MethodOptions)),
    "calibration": (Calibration, _model(Calibration)),
    "provenance": (Provenance, _model(Provenance)),
}


def vetted_notes(notes: Any) -> dict[str, Any]:
    """The notes, with records for `options`, `calibration` and `provenance`.

    Raises:
        ValueError: something is missing, too much, of another type, or out of range.
    """
    found: dict[str, Any] = dict(_checked(Notes, notes, "notes"))
    for name, (record, model) in _RECORDS.items():
        found[name] = record(**dict(_checked(model, found[name], name)))
    classes: Sequence[str] = found["classes"]
    if not len(classes) == len(found["sentences"]) == len(found["thresholds"]):
        raise ValueError("there are not as many classes as thresholds and lists of sentences")
    _check_names(classes)
    _check_texts(found["options"], found["provenance"])
    return found


def _checked(model: type[BaseModel], value: Any, where: str) -> BaseModel:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        at = ".".join([where, *(str(step)[:80] for step in first["loc"])])
        raise ValueError(f"{at}: {first['msg']}") from None


def _check_names(classes: Sequence[str]) -> None:
    for name in classes:
        fault = fault_of(name)
        if fault:
            raise ValueError(f"no class can be called {ascii(name)[:80]}: the name {fault}")
    twins = alike(classes)
    if twins:
        raise ValueError(f"the classes {twins[0]!a} and {twins[1]!a} are called alike")


def _check_texts(options: MethodOptions, made: Provenance) -> None:
    for field in ("encoder", "weights_hash", "captioner", "mgcld", "captions"):
        if not getattr(made, field).isprintable():
            raise ValueError(f"provenance.{field} holds a sign that cannot be shown")
    unknown = {*options.without.split()} - {*Parts.__slots__}
    if unknown:
        raise ValueError(f"options.without names no part of the method: {min(unknown)[:80]!r}")
