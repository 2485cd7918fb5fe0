"""Adapter files from strangers: a named error, or an adapter that answers. MGCLD_FUZZ=20000 tries so many of each."""

import copy
import json
import math
import os
import resource
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save
from worlds import BATCH, adapter, world

from mgcld.errors import CheckpointError
from mgcld.model import adapter_file
from mgcld.model.checkpoint import load_adapter, save_adapter
from mgcld.model.options import MGCL_PLUS, PAPER
from mgcld.model.vetting import AXES, LIMITS

LOUD = torch.zeros(BATCH, dtype=torch.bool)
EXAMPLES = int(os.environ.get("MGCLD_FUZZ", "100"))
SECONDS = 10.0
"""No file of this size may take so long, on the busiest machine; most take milliseconds."""
fuzzed = settings(
    deadline=None,  # ours is SECONDS: generating an example does not count
    max_examples=EXAMPLES,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

Json = dict[str, Any]
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module", params=[PAPER, MGCL_PLUS], ids=["paper", "mgcl+"])
def content(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("true") / "adapter.safetensors"
    save_adapter(adapter(3, request.param), path)
    return path.read_bytes()


def taken_apart(content: bytes) -> tuple[Tensors, Json]:
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    return dict(load(content)), json.loads(header["__metadata__"]["mgcld"])


def put_together(tensors: Tensors, notes: Any) -> bytes:
    return save(tensors, {"mgcld": notes if isinstance(notes, str) else json.dumps(notes)})


def answers_or_is_refused(folder: Path, content: bytes) -> bool:
    """Whether it was taken; neither took long, or as much memory as would be worth a word."""
    path = folder / "strange.safetensors"
    path.write_bytes(content)
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    try:
        taken = load_adapter(path)
    except CheckpointError as error:
        assert error.help
        assert len(str(error)) < 1000
        assert str(error).replace("\u200c", "").replace("\u200d", "").isprintable()
        return False
    else:
        features = world(5).features
        if (
            taken.keys.coarse.shape[1] == 13 and taken.head.explanations.rows.shape[2] == 11
        ):  # else check_encoder refuses
            for prediction in taken.predict(features, LOUD):
                assert all(math.isfinite(p) and -1e-6 <= p <= 1 + 1e-6 for p in (*prediction.p, prediction.unknown))
                assert sum(prediction.p) + prediction.unknown == pytest.approx(1, abs=1e-4)
        return True
    finally:
        assert time.monotonic() - began < SECONDS
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 300_000  # kilobytes


def test_the_unchanged_file_is_taken(content: bytes, tmp_path: Path) -> None:
    assert answers_or_is_refused(tmp_path, content)
    assert answers_or_is_refused(tmp_path, put_together(*taken_apart(content)))


@fuzzed
@given(data=st.data())
def test_flipped_bits_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    changed = bytearray(content)
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(
            st.one_of(st.integers(0, 7), st.integers(8, header - 1), st.integers(header, len(content) - 1))
        )
        changed[place] ^= 1 << data.draw(st.integers(0, 7))
    answers_or_is_refused(tmp_path, bytes(changed))


@fuzzed
@given(data=st.data())
def test_cut_and_patched_files_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(content))] * 2)))
    answers_or_is_refused(tmp_path, content[:start] + data.draw(st.binary(max_size=40)) + content[end:])


VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.sampled_from([0, 1, -1, 2**31, 2**70, 10**400, 1e-300, 1e300, math.inf, -math.inf, math.nan, 0.5]),
        st.integers(),
        st.floats(),
        st.text(max_size=8),
        st.sampled_from(["", ".", "../x", "unknown", "\x1b[2J", "a" * 5000, "\u202e", "\ud800", "os:system", "sum"]),
    ),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=6,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in notes."""
    keys = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    return [path, *(place for key in keys for place in places(value[key], (*path, key)))]


def altered(notes: Any, place: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    if not place:
        return notes
    changed = copy.deepcopy(notes)
    holder = changed
    for step in place[:-1]:
        holder = holder[step]
    change(holder, place[-1])
    return changed


@fuzzed
@given(data=st.data())
def test_other_notes_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    tensors, notes = taken_apart(content)
    for _ in range(data.draw(st.integers(1, 2))):
        place = data.draw(st.sampled_from(places(notes)))
        value, way = data.draw(VALUES), data.draw(st.sampled_from(["put", "remove", "double"]))

        def change(holder: Any, key: Any, way: str = way, value: Any = value) -> None:
            if way == "remove":
                del holder[key]
            elif way == "double" and isinstance(holder, list):
                holder.insert(key, holder[key])
            else:
                holder[key] = value

        notes = altered(notes, place, change)
    answers_or_is_refused(tmp_path, put_together(tensors, notes))


NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 0.5, 1e-45, 1e-6, 2.0, 1e3, -1e3, 1e38, -1e38, math.inf, math.nan])


@fuzzed
@given(data=st.data())
def test_other_numbers_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    tensors, notes = taken_apart(content)
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(tensors)))
        flat = tensors[name].clone().flatten()
        if len(flat):
            places = data.draw(st.lists(st.integers(0, len(flat) - 1), min_size=1, max_size=5))
            flat[places] = data.draw(NUMBERS)
        if data.draw(st.booleans()):
            flat = flat * data.draw(st.sampled_from([-1.0, 0.0, 0.01, 3.0, 1e4]))
        tensors[name] = flat.reshape(tensors[name].shape)
    answers_or_is_refused(tmp_path, put_together(tensors, notes))


SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 8, 9, 11, 13, 24]), max_size=4)
KINDS = st.sampled_from([torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool])


@fuzzed
@given(data=st.data())
def test_other_shapes_and_types_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    tensors, notes = taken_apart(content)
    name = data.draw(st.sampled_from(sorted(tensors)))
    other = data.draw(st.sampled_from([name, "keys", "keys.other", "../x", "background.fine", "a" * 3000]))
    kind = data.draw(KINDS)
    found = torch.ones(data.draw(SHAPES)) if data.draw(st.booleans()) else tensors[name].clone()
    tensors[other] = found.to(kind)
    if data.draw(st.booleans()):
        tensors.pop(name)
    answers_or_is_refused(tmp_path, put_together(tensors, notes))


@fuzzed
@given(data=st.data())
def test_lies_in_the_header_are_answered_or_refused(content: bytes, tmp_path: Path, data: st.DataObject) -> None:
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + size])
    place = data.draw(st.sampled_from(places(header)))
    value = data.draw(VALUES | st.lists(st.sampled_from([0, 1, 9, 2**40, 2**63, -1]), max_size=4))

    def change(holder: Any, key: Any) -> None:
        holder[key] = value

    text = json.dumps(altered(header, place, change)).encode()
    answers_or_is_refused(tmp_path, len(text).to_bytes(8, "little") + text + content[8 + size :])


def changed(content: bytes, change: Callable[[Tensors, Json], object]) -> bytes:
    tensors, notes = taken_apart(content)
    change(tensors, notes)
    return put_together(tensors, notes)


NOT_SO: dict[str, tuple[Callable[[Tensors, Json], object], str]] = {
    "more iterations than anybody waits for": (
        lambda _, notes: notes["options"].update(iterations=10**9),
        r"options\.iterations: .*less than or equal to 1000",
    ),
    "no entropy": (lambda _, notes: notes["options"].update(epsilon=0.0), r"options\.epsilon"),
    "a number as a text": (lambda _, notes: notes["options"].update(beta="5"), r"options\.beta"),
    "a mode that is none": (lambda _, notes: notes["options"].update(mode="magic"), r"options\.mode"),
    "parts that are none": (lambda _, notes: notes["options"].update(without="x"), r"options\.without"),
    "a window of thirty years": (
        lambda _, notes: notes["provenance"].update(window_seconds=1e9),
        r"provenance\.window_seconds",
    ),
    "no temperature": (lambda _, notes: notes["calibration"].update(temperature=math.nan), r"calibration\.temperature"),
    "a threshold that all reach": (lambda _, notes: notes.update(thresholds=[0.0] * 4), r"thresholds\.0"),
    "a threshold too few": (lambda _, notes: notes["thresholds"].pop(), "not as many classes as thresholds"),
    "a class that goes up": (lambda _, notes: notes["classes"].__setitem__(0, "../etc"), "begins with '.'"),
    "a class with a line of its own": (lambda _, notes: notes["classes"].__setitem__(0, "a\nb"), r"U\+000A"),
    "a class that hides": (lambda _, notes: notes["classes"].__setitem__(0, "rain\u200b"), r"U\+200B"),
    "a class of 4 KB": (lambda _, notes: notes["classes"].__setitem__(0, "a" * 4096), "longer than 200 bytes"),
    "a class for none": (lambda _, notes: notes["classes"].__setitem__(0, "Unknown"), "the answer for none"),
    "two classes that look alike": (lambda _, notes: notes["classes"].__setitem__(0, "Rain"), "called alike"),
    "an encoder that steers": (lambda _, notes: notes["provenance"].update(encoder="\x1b[2J"), r"provenance\.encoder"),
    "a sentence of a megabyte": (
        lambda _, notes: notes["sentences"][0].__setitem__(0, "a" * 10**6),
        r"sentences\.0\.0",
    ),
    "notes that are deep": (
        lambda _, notes: notes["provenance"].update(report=json.loads('{"a":' * 40 + "1" + "}" * 40)),
        "nested more than 32 deep",
    ),
    "a tensor that nobody knows": (lambda tensors, _: tensors.update(other=torch.zeros(3)), "no such tensor.*'other'"),
    "whole numbers": (
        lambda tensors, _: tensors.update(values=tensors["values"].long()),
        "'values' does not hold numbers of a type",
    ),
    "a shot too many": (
        lambda tensors, _: tensors.update({"keys.weights": torch.ones(10, 8)}),
        r"keys\.weights is 10 long where it should be 9 \(shots\)",
    ),
    "no shots": (
        lambda tensors, _: tensors.update({"keys.coarse": torch.zeros(0, 13)}),
        r"keys\.coarse is 0 long \(shots\)",
    ),
    "a number that is none": (lambda tensors, _: tensors["solved"].fill_(math.nan), "solved holds a number"),
    "a weight without end": (lambda tensors, _: tensors["fusion.w_c.weight"].fill_(1e30), r"fusion\.w_c\.weight holds"),
    "rows that are long": (lambda tensors, _: tensors["keys.fine"].fill_(1.0), r"keys\.fine holds a row .* longer"),
    "shares that are too much": (lambda tensors, _: tensors["keys.weights"].fill_(0.9), "shares do not sum to 1"),
    "shots of no class": (lambda tensors, _: tensors["values"].zero_(), "not of one class"),
    "sentences that nobody wrote": (lambda _, notes: notes["sentences"][1].append("x"), "does not fit the sentences"),
}


@pytest.mark.parametrize("kind", NOT_SO)
def test_what_training_never_made_is_refused_by_name(content: bytes, tmp_path: Path, kind: str) -> None:
    change, said = NOT_SO[kind]
    path = tmp_path / "strange.safetensors"
    path.write_bytes(changed(content, change))
    with pytest.raises(CheckpointError, match=said) as caught:
        load_adapter(path)
    assert str(caught.value).isprintable()
    assert "mgcld train" in caught.value.help


def test_every_tensor_of_a_true_file_is_known(content: bytes) -> None:
    assert {name for name in taken_apart(content)[0] if not name.startswith("background.")} == {*AXES}


@pytest.mark.parametrize("size", [0, 2**63, 2**64 - 1, 16_000_001], ids=str)
def test_a_header_of_a_size_that_no_adapter_has_is_not_read(tmp_path: Path, size: int) -> None:
    path = tmp_path / "strange.safetensors"
    path.write_bytes(size.to_bytes(8, "little") + b"{" * 17_000_000)
    with pytest.raises(CheckpointError, match="does not begin with a header"):
        load_adapter(path)


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "strange.safetensors"
    with path.open("wb") as file:
        file.truncate(adapter_file.MOST_BYTES + 1)  # no disk is used
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(CheckpointError, match="larger than 2 GB"):
        load_adapter(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100_000


def test_a_pipe_and_a_device_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero")):
        with pytest.raises(CheckpointError):
            load_adapter(path)
        with pytest.raises(ValueError, match="no regular file"):
            adapter_file.read_content(path)


def test_nothing_is_saved_that_could_not_be_loaded(tmp_path: Path) -> None:
    made = adapter()
    with pytest.raises(CheckpointError, match=r"could not be read again: .*called alike"):
        save_adapter(replace(made, classes=("rain", "Rain", "wind", "dog")), tmp_path / "a.safetensors")
    assert not list(tmp_path.iterdir())


def test_numbers_at_their_limits_still_answer(content: bytes, tmp_path: Path) -> None:
    """As large as they may be, all at once."""
    rng = np.random.default_rng(0)
    for _ in range(20):
        tensors, notes = taken_apart(content)
        for name, (low, high) in LIMITS.items():
            ends = torch.from_numpy(rng.choice([low, high], tensors[name].shape).astype(np.float32))
            tensors[name] = ends
        notes["options"].update(beta=10.0, alpha=1000.0, contrast_scale=100.0, epsilon=0.005, salience_temperature=1e-3)
        notes["calibration"].update(temperature=1000.0, width=1e-3, contrast_weight=10.0)
        assert answers_or_is_refused(tmp_path, put_together(tensors, notes))
