import hashlib
import itertools
import json
import logging
import os
import pickle
import resource
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from children import Child
from hypothesis import given, settings
from hypothesis import strategies as st
from mgcld_plugins.captioners.tags import TagsCaptioner
from mgcld_plugins.encoders.mini import MiniEncoder
from safetensors.torch import load_file, save_file
from untrained import trained
from worlds import BATCH, adapter, world

from mgcld.errors import CheckpointError, EncoderMismatch
from mgcld.model.checkpoint import (
    adapter_hash,
    check_captioner,
    check_encoder,
    check_writable,
    load_adapter,
    save_adapter,
)
from mgcld.model.options import MGCL_PLUS, PAPER, MethodOptions
from mgcld.model.within import within_of

LOUD = torch.zeros(BATCH, dtype=torch.bool)


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "adapter.safetensors"
    save_adapter(adapter(), path)
    return path


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """No file grows beyond so many bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def an_ordinary_user() -> Iterator[None]:
    """Permissions do not hinder root."""
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


@pytest.mark.parametrize("options", [PAPER, MGCL_PLUS], ids=["paper", "mgcl+"])
@pytest.mark.parametrize("background", [True, False])
def test_a_loaded_adapter_predicts_the_same_to_the_last_bit(
    tmp_path: Path, options: MethodOptions, background: bool
) -> None:
    trained = adapter(1, options, background=background)
    save_adapter(trained, tmp_path / "a.safetensors")
    loaded = load_adapter(tmp_path / "a.safetensors")
    features = world(1).features
    assert loaded.predict(features, LOUD) == trained.predict(features, LOUD)
    for name in ("classes", "options", "sentences", "calibration", "thresholds", "provenance"):
        assert getattr(loaded, name) == getattr(trained, name)
    for name in ("alike", "centre"):
        for grain in ("coarse", "fine"):
            kept = getattr(getattr(loaded.head, name), grain)
            assert torch.equal(kept, getattr(getattr(trained.head, name), grain))
    assert not any(weight.requires_grad for weight in loaded.head.fusion.parameters())


def test_cohesion_and_centre_are_kept_apart_grain_by_grain(tmp_path: Path) -> None:
    trained = adapter(1, MGCL_PLUS)
    kept = trained.head.alike.coarse, trained.head.alike.fine, trained.head.centre.coarse, trained.head.centre.fine
    assert not any(torch.allclose(one, other, atol=1e-3) for one, other in itertools.combinations(kept, 2))
    save_adapter(trained, tmp_path / "a.safetensors")
    found = load_adapter(tmp_path / "a.safetensors").head
    assert all(
        torch.equal(one, other)
        for one, other in zip(
            kept, (found.alike.coarse, found.alike.fine, found.centre.coarse, found.centre.fine), strict=True
        )
    )


def test_the_same_adapter_makes_the_same_file(tmp_path: Path, saved: Path) -> None:
    save_adapter(load_adapter(saved), tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    assert adapter_hash(saved) == hashlib.sha256(saved.read_bytes()).hexdigest()[:12]


def test_shots_and_background_may_be_rows_of_one_tensor(tmp_path: Path) -> None:
    trained = adapter()
    rows = torch.arange(len(trained.keys))
    everything = trained.keys[rows]
    values = trained.values[2:7]
    within, fine = (within_of(torch.eye(5), values, 0.0) for _ in range(2))
    head = replace(trained.head, values=values, solved=trained.head.solved[2:7], within=within, within_fine=fine)
    sliced = replace(trained, keys=everything[rows[:5]], background=everything[rows[5:]], head=head)
    save_adapter(sliced, tmp_path / "a.safetensors")
    loaded = load_adapter(tmp_path / "a.safetensors")
    assert torch.equal(loaded.values, sliced.values)
    assert loaded.background is not None
    assert torch.equal(loaded.background.fine, everything.fine[5:])


def test_the_file_is_plain_safetensors(saved: Path) -> None:
    content = saved.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    notes = header.pop("__metadata__")
    assert json.loads(notes["mgcld"])["classes"] == ["dog bark", "siren", "Türklingel", "rain"]
    places = sorted(tensor["data_offsets"] for tensor in header.values())
    assert [start for start, _ in places] == [0, *(end for _, end in places[:-1])]
    assert 8 + length + places[-1][1] == len(content)
    with saved.open("rb") as file, pytest.raises((pickle.UnpicklingError, ValueError, KeyError)):
        pickle.load(file)


def test_the_daemon_may_read_what_another_user_trained(tmp_path: Path) -> None:
    save_adapter(adapter(), tmp_path / "a.safetensors")
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o644


def test_a_name_without_a_folder_is_written_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    save_adapter(adapter(), Path("a.safetensors"))
    assert load_adapter(Path("a.safetensors")).classes == adapter().classes
    assert [path.name for path in tmp_path.iterdir()] == ["a.safetensors"]


def _rewritten(saved: Path, path: Path, change: Callable[[dict[str, torch.Tensor], dict[str, Any]], object]) -> None:
    """The same file with other tensors or notes."""
    tensors, content = load_file(saved), saved.read_bytes()
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    notes = json.loads(header["__metadata__"]["mgcld"])
    change(tensors, notes)
    save_file(tensors, path, {"mgcld": json.dumps(notes)})


BROKEN: dict[str, Callable[[Path, Path], object]] = {
    "missing": lambda _saved, _path: None,
    "a folder": lambda _, path: path.mkdir(),
    "empty": lambda _, path: path.touch(),
    "cut in the header": lambda saved, path: path.write_bytes(saved.read_bytes()[:500]),
    "cut in the tensors": lambda saved, path: path.write_bytes(saved.read_bytes()[:-1]),
    "with something behind": lambda saved, path: path.write_bytes(saved.read_bytes() + b"\0"),
    "text": lambda _, path: path.write_text("this is no adapter\n" * 100),
    "a pickle": lambda _, path: torch.save({"keys": torch.zeros(3)}, path),
    "tensors without notes": lambda _, path: save_file({"keys.fine": torch.zeros(3)}, path),
    "notes that are a list": lambda _, path: save_file({"x": torch.zeros(3)}, path, {"mgcld": "[1, 2]"}),
    "notes that are not JSON": lambda _, path: save_file({"x": torch.zeros(3)}, path, {"mgcld": "{"}),
    "another format": lambda saved, path: _rewritten(
        saved, path, lambda _, notes: notes.update(format="mgcld-adapter/99")
    ),
    "another program's": lambda saved, path: _rewritten(saved, path, lambda _, notes: notes.update(format="other/1")),
    "an option too many": lambda saved, path: _rewritten(
        saved, path, lambda _, notes: notes["options"].update(gamma=1)
    ),
    "no calibration": lambda saved, path: _rewritten(saved, path, lambda _, notes: notes.pop("calibration")),
    "no fusion": lambda saved, path: _rewritten(saved, path, lambda tensors, _: tensors.pop("fusion.w_f.weight")),
    "no cohesion": lambda saved, path: _rewritten(saved, path, lambda tensors, _: tensors.pop("alike.fine")),
    "no centre": lambda saved, path: _rewritten(saved, path, lambda tensors, _: tensors.pop("centre.coarse")),
    "no keys": lambda saved, path: _rewritten(saved, path, lambda tensors, _: tensors.pop("keys.fine")),
    "half a background": lambda saved, path: _rewritten(saved, path, lambda tensors, _: tensors.pop("background.fine")),
    "a flat fusion": lambda saved, path: _rewritten(
        saved, path, lambda tensors, _: tensors.update({"fusion.w_c.weight": torch.zeros(4)})
    ),
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_adapter_is_a_named_error_with_help(saved: Path, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "broken.safetensors"
    BROKEN[kind](saved, path)
    with pytest.raises(CheckpointError) as raised:
        load_adapter(path)
    assert str(path) in str(raised.value)
    assert "mgcld train" in raised.value.help


def test_an_adapter_of_the_old_format_is_refused_and_says_how_to_train_it_again(saved: Path, tmp_path: Path) -> None:
    def as_it_was(tensors: dict[str, torch.Tensor], notes: dict[str, Any]) -> None:
        for name in [name for name in tensors if name.startswith(("alike.", "centre."))]:
            del tensors[name]
        for name in ("cache", "centred", "tied", "temperature"):
            del notes["options"][name]
        notes["options"]["cache_sum"] = "mean"
        notes["format"] = "mgcld-adapter/1"

    path = tmp_path / "old.safetensors"
    _rewritten(saved, path, as_it_was)
    with pytest.raises(
        CheckpointError, match=r"old\.safetensors was made by another version.* mgcld-adapter/1, not "
    ) as it:
        load_adapter(path)
    assert "train it again" in it.value.help
    assert f"mgcld train --shots ./support -o {path}" in it.value.help


def test_an_adapter_of_the_format_before_captions_were_noted_still_loads(saved: Path, tmp_path: Path) -> None:
    def as_it_was(tensors: dict[str, torch.Tensor], notes: dict[str, Any]) -> None:
        notes["format"] = "mgcld-adapter/3"
        del notes["provenance"]["captions"], notes["options"]["solved"], tensors["solved"]

    path = tmp_path / "old.safetensors"
    _rewritten(saved, path, as_it_was)
    features, loaded = world(1).features, load_adapter(path)
    assert loaded.predict(features, LOUD) == load_adapter(saved).predict(features, LOUD)
    assert loaded.provenance.captions == ""


@pytest.mark.parametrize(
    ("made", "warned"),
    [("tags: at most 3, of at least 0.08", False), ("", False), ("tags: at most 2, of at least 0.08", True)],
)
def test_captions_of_another_kind_than_in_training_are_warned_of(
    made: str, warned: bool, caplog: pytest.LogCaptureFixture
) -> None:
    trained = adapter()
    noted = replace(trained, provenance=replace(trained.provenance, captions=made))
    with caplog.at_level(logging.WARNING):
        check_captioner(noted, TagsCaptioner(MiniEncoder("cpu")))
    assert bool(caplog.records) == warned
    if warned:
        assert f"captions by {made}, but now they are by tags: at most 3, of at least 0.08" in caplog.text
        assert "train it again" in caplog.text


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused(saved: Path, data: st.DataObject) -> None:
    content = bytearray(saved.read_bytes())
    header = 8 + int.from_bytes(content[:8], "little")
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, header - 1))] = data.draw(st.integers(0, 255))
    path = saved.with_name("damaged.safetensors")
    path.write_bytes(content)
    try:
        load_adapter(path)
    except CheckpointError as error:
        assert error.help


@pytest.mark.parametrize("name", ["clap", "mini"])
def test_another_encoder_is_refused_and_both_are_named(name: str) -> None:
    encoder = MiniEncoder("cpu")
    made = adapter()
    other = replace(made, provenance=replace(made.provenance, encoder=name))
    both = rf"{name} \(0123456789ab\).* mini \({encoder.weights_hash[:12]}\)"
    with pytest.raises(EncoderMismatch, match=both) as raised:
        check_encoder(other, encoder)
    assert "mgcld train --shots ./support --encoder mini --captioner" in raised.value.help
    assert f"trained with: --encoder {name}" in raised.value.help
    assert ("with the weights of then (mgcld 0.1.0)" in raised.value.help) == (name == "mini")


def test_the_command_that_trains_again_asks_for_nothing_that_the_encoder_lacks() -> None:
    encoder = MiniEncoder("cpu")
    encoder.name, encoder.tag_names = "clap=./a folder", ()
    made = adapter()
    other = replace(made, provenance=replace(made.provenance, captioner="tags"))
    with pytest.raises(EncoderMismatch, match=r"clap=\./a folder") as raised:
        check_encoder(other, encoder)
    assert "--encoder 'clap=./a folder' --captioner retrieval" in raised.value.help


def test_the_encoder_of_the_training_is_taken() -> None:
    encoder = MiniEncoder("cpu")
    check_encoder(trained(encoder), encoder)


def test_features_that_cannot_be_the_encoder_s_are_refused_whatever_hash_stands_beside_them() -> None:
    encoder = MiniEncoder("cpu")
    made = adapter()
    with pytest.raises(EncoderMismatch, match="13 and 11 numbers, not 768 and 385"):
        check_encoder(replace(made, provenance=replace(made.provenance, weights_hash=encoder.weights_hash)), encoder)


UNWRITABLE: dict[str, Callable[[Path], Path]] = {
    "the folder is missing": lambda folder: folder / "nowhere" / "a.safetensors",
    "the folder is a file": lambda folder: folder / "file" / "a.safetensors",
    "it is a folder": lambda folder: folder / "folder",
    "nobody may write there": lambda _: Path("/proc/a.safetensors"),
    "the name is too long": lambda folder: folder / ("a" * 300),
}


@pytest.mark.parametrize("attempt", [check_writable, lambda path: save_adapter(adapter(), path)], ids=["check", "save"])
@pytest.mark.parametrize("kind", UNWRITABLE)
def test_where_nothing_can_be_written_is_a_named_error(
    tmp_path: Path, kind: str, attempt: Callable[[Path], None]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    path = UNWRITABLE[kind](tmp_path)
    with pytest.raises(CheckpointError) as raised:
        attempt(path)
    assert str(path) in str(raised.value)
    assert "-o" in raised.value.help
    assert sorted(each.name for each in tmp_path.rglob("*")) == ["file", "folder"]


@pytest.mark.parametrize("permissions", [0o000, 0o555], ids=["closed", "read-only"])
def test_a_folder_that_is_not_ours_is_a_named_error(permissions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own are closed to others
        path = Path(folder) / "a.safetensors"
        save_adapter(adapter(1), path)
        before = path.read_bytes()
        path.parent.chmod(permissions)
        with an_ordinary_user():
            for attempt in (check_writable, lambda path: save_adapter(adapter(2), path)):
                with pytest.raises(CheckpointError, match="Permission denied"):
                    attempt(path)
            if permissions:
                assert load_adapter(path).classes == adapter().classes
            else:
                with pytest.raises(CheckpointError, match="Permission denied"):
                    load_adapter(path)
        path.parent.chmod(0o755)
        assert path.read_bytes() == before
        assert list(path.parent.iterdir()) == [path]


def test_a_full_disk_leaves_the_old_adapter_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_adapter(adapter(1), path)
    before = path.read_bytes()
    with files_of_at_most(len(before) // 2), pytest.raises(CheckpointError, match=r"a\.safetensors.*(large|space)"):
        save_adapter(adapter(2), path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    save_adapter(adapter(2), path)
    assert path.read_bytes() != before


SAVING = """
import os, random, signal, sys, time
from dataclasses import replace
from pathlib import Path

import torch
from worlds import adapter

from mgcld.model.checkpoint import load_adapter, save_adapter

def wide(seed):
    made = adapter(seed)
    rows = torch.full((9, 20_000, 13), seed / 10)  # 9 MB: a kill often falls into the write
    keys = replace(made.keys, fine=rows, weights=torch.full((9, 20_000), 1 / 20_000))
    return replace(made, keys=keys, calibration=replace(made.calibration, threshold=seed / 10))

path = Path(sys.argv[1])
first, second = wide(1), wide(2)
save_adapter(first, path)
chance = random.Random(0)
kills, interrupted = 0, 0
while (interrupted < 10 or kills < 30) and kills < 200:
    process = os.fork()
    if process == 0:
        while True:
            save_adapter(second, path)
            save_adapter(first, path)
    time.sleep(chance.uniform(0, 0.15))
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    kills += 1
    loaded = load_adapter(path)
    assert (loaded.keys.fine == loaded.calibration.threshold).all()
    interrupted = len(list(path.parent.iterdir())) - 1
save_adapter(second, path)
assert load_adapter(path).calibration.threshold == 0.2
print(interrupted)
"""


def test_a_kill_while_saving_never_leaves_a_broken_adapter(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    with Child(SAVING, str(tmp_path / "a.safetensors"), environment=environment) as child:
        interrupted = int(child.line(240))
        assert child.wait() == 0, child.errors
    assert interrupted >= 10, "no kill fell into the middle of a write: this proved nothing"
