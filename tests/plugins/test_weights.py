import hashlib
import logging
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mgcld_plugins._weights import cached, located, sha256_of
from servers.hub import COMMIT, Hub, hub

from mgcld.errors import CheckpointError, WeightsUnavailable

FILES = ["config.json", ("model.safetensors", "pytorch_model.bin")]
BESIDE = ["merges.txt", "vocab.json"]
CONTENT = {"config.json": b"{}", "pytorch_model.bin": bytes(range(256)) * 4000, "merges.txt": b"a b", "README.md": b"#"}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "hub"


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    with hub(dict(CONTENT)) as server:
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        template = "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", server.address)
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", server.address + template)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
        yield server


def wanted(model: str = "lab/model", revision: str | None = None) -> list[Path]:
    return located(model, files=FILES, optional=BESIDE, who="clap", revision=revision, size="1 MB")


def folder_of(path: Path, *names: str) -> Path:
    path.mkdir(parents=True)
    for name in names:
        (path / name).write_text(name)
    return path


def test_a_folder_wins_over_the_hub_and_the_first_name_over_the_second(tmp_path: Path, online: Hub) -> None:
    folder = folder_of(tmp_path / "lab" / "model", "config.json", "model.safetensors", "pytorch_model.bin")
    names = ["config.json", "model.safetensors"]
    assert wanted("lab/model") == [Path("lab/model") / name for name in names]
    assert wanted(str(folder)) == [folder / name for name in names]
    assert online.asked == []


def test_a_file_will_do_where_one_is_wanted(tmp_path: Path) -> None:
    path = folder_of(tmp_path / "a", "weights.pth") / "weights.pth"
    assert located(str(path), files=["another.pth"], who="msclap") == [path]
    with pytest.raises(WeightsUnavailable, match="there are no weights at"):
        wanted(str(path))
    with pytest.raises(WeightsUnavailable) as raised:
        located(str(tmp_path / "a"), files=["another.pth"], who="msclap")
    assert raised.value.help.startswith("name a folder that holds another.pth, or such a file, or a model of the hub")


@pytest.mark.parametrize("wish", ["./nowhere", "../nowhere", "/nowhere/at/all", "~/nowhere"])
def test_a_folder_that_is_not_there_is_not_looked_for_in_the_hub(wish: str, online: Hub) -> None:
    with pytest.raises(WeightsUnavailable, match="clap: there are no weights at") as raised:
        wanted(wish)
    assert "config.json, model.safetensors or pytorch_model.bin" in raised.value.help
    assert "mini" in raised.value.help
    assert online.asked == []


@pytest.mark.parametrize("wish", ["~nobody-at-all/clap", "/" + "a" * 300])
def test_a_path_that_cannot_even_be_looked_at_is_a_named_error(wish: str) -> None:
    with pytest.raises(WeightsUnavailable, match="clap: cannot look for weights at") as raised:
        wanted(wish)
    assert "mini" in raised.value.help


def test_what_a_folder_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsUnavailable, match=r"lacks model\.safetensors or pytorch_model\.bin$"):
        wanted(str(folder_of(tmp_path / "a", "config.json")))


def test_what_is_wanted_is_downloaded_once_and_nothing_else(
    cache: Path, online: Hub, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mgcld_plugins"):
        paths = wanted()
    assert [path.name for path in paths] == ["config.json", "pytorch_model.bin"]
    assert [path.read_bytes() for path in paths] == [CONTENT[path.name] for path in paths]
    assert {path.name for path in paths[0].parent.iterdir()} == {"config.json", "pytorch_model.bin", "merges.txt"}
    assert paths[0].is_relative_to(cache)
    assert paths[0].parent.name == COMMIT
    assert [record.message for record in caplog.records] == [
        f"clap: downloading lab/model, commit {COMMIT}, 1 MB",
        f"clap: weights of lab/model, commit {COMMIT}",
    ]
    online.asked.clear()
    assert wanted() == wanted(revision=COMMIT) == paths
    assert online.asked == []  # what is here is taken without asking, and a daemon's model does not change by itself


def test_a_pinned_commit_is_what_is_downloaded(online: Hub) -> None:
    assert wanted(revision=COMMIT)[0].parent.name == COMMIT
    assert all("main" not in path for _, path, _ in online.asked)
    assert cached("lab/model", FILES, COMMIT) is not None
    assert cached("lab/model", FILES) is None  # nobody said which commit is main


def test_a_download_that_broke_off_goes_on_where_it_was(online: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 64_000)  # kept in steps of 10 MB otherwise
    online.cut = {"pytorch_model.bin"}
    try:
        paths = wanted()
    except WeightsUnavailable:  # the library may try again by itself, or leave it to the next start
        paths = wanted()
    assert paths[1].read_bytes() == CONTENT["pytorch_model.bin"]
    got = [bytes for method, path, bytes in online.asked if method == "GET" and path.endswith("pytorch_model.bin")]
    assert got[0] is None
    assert got[-1] == f"bytes={len(CONTENT['pytorch_model.bin']) // 2}-"


def test_a_download_that_was_killed_goes_on_where_it_was(cache: Path, online: Hub) -> None:
    online.stalled = {"pytorch_model.bin"}
    code = (
        "from huggingface_hub import constants; constants.DOWNLOAD_CHUNK_SIZE = 64_000\n"
        f"from mgcld_plugins._weights import located; located('lab/model', files={FILES}, who='clap')"
    )
    there = {
        "HF_ENDPOINT": online.address,
        "HF_HUB_CACHE": str(cache),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    half = len(CONTENT["pytorch_model.bin"]) // 2
    with subprocess.Popen([sys.executable, "-c", code], env=os.environ | there, stderr=subprocess.DEVNULL) as child:
        try:
            deadline = time.monotonic() + 60
            while sum(part.stat().st_size for part in cache.rglob("*.part")) == 0:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        finally:
            child.kill()
    came = sum(part.stat().st_size for part in cache.rglob("*.part"))
    assert 0 < came <= half
    online.asked.clear()
    paths = wanted()
    assert paths[1].read_bytes() == CONTENT["pytorch_model.bin"]
    got = [bytes for method, path, bytes in online.asked if method == "GET" and path.endswith("pytorch_model.bin")]
    assert got == [f"bytes={came}-"]
    assert not list(cache.rglob("*.part"))


def test_a_part_that_is_not_of_the_file_is_thrown_away(cache: Path, online: Hub) -> None:
    content = CONTENT["pytorch_model.bin"]
    blobs = cache / "models--lab--model" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / f"{hashlib.sha256(content).hexdigest()}.part").write_bytes(b"?" * 1000)
    with pytest.raises(WeightsUnavailable, match=r"pytorch_model\.bin came damaged"):
        wanted()
    assert wanted()[1].read_bytes() == content


@pytest.mark.parametrize(
    ("model", "revision", "said"),
    [
        ("lab/other", None, "the hub knows no such model"),
        ("lab/model", "f" * 40, "the hub knows no such revision"),
        ("not a model", None, "there is nothing at not a model, and a model of the hub has a name like"),
        ("models/of/mine", None, "there is nothing at models/of/mine, and a model of the hub has a name like"),
    ],
)
def test_what_the_hub_does_not_know_is_said(online: Hub, model: str, revision: str | None, said: str) -> None:
    with pytest.raises(WeightsUnavailable, match=said) as raised:
        wanted(model, revision)
    assert "mini" in raised.value.help


def test_a_model_of_the_hub_that_lacks_a_file_is_refused(online: Hub) -> None:
    del online.files["pytorch_model.bin"]
    with pytest.raises(WeightsUnavailable, match=r"has no model\.safetensors or pytorch_model\.bin"):
        wanted()


def test_without_network_it_says_what_to_put_where(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(WeightsUnavailable, match="lab/model are not on this machine, and HF_HUB_OFFLINE") as raised:
        wanted(revision=COMMIT)
    for said in (f"hf download lab/model --revision {COMMIT} config.json", str(cache), "(1 MB)", "merges.txt", "mini"):
        assert said in raised.value.help


def test_a_hub_that_does_not_answer_is_a_named_error(monkeypatch: pytest.MonkeyPatch, online: Hub) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(WeightsUnavailable, match="could not be downloaded"):
        wanted()


def test_a_file_is_named_by_its_sha256_and_damage_to_a_download_is_found(tmp_path: Path, online: Hub) -> None:
    plain = tmp_path / "plain"
    plain.write_bytes(CONTENT["pytorch_model.bin"])
    path = wanted()[1]
    assert sha256_of(path) == sha256_of(plain) == hashlib.sha256(CONTENT["pytorch_model.bin"]).hexdigest()
    path.resolve().write_bytes(CONTENT["pytorch_model.bin"] + b"x")
    with pytest.raises(CheckpointError, match="is damaged") as raised:
        sha256_of(path)
    assert "delete" in raised.value.help
    with pytest.raises(CheckpointError, match="cannot read"):
        sha256_of(tmp_path)


def test_importing_the_encoders_brings_neither_library() -> None:
    code = (
        "import sys, mgcld_plugins.encoders.clap, mgcld_plugins._weights; "
        "print([name for name in ('transformers', 'huggingface_hub') if name in sys.modules])"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert ended.stdout == "[]\n"
