"""Parts put together: the captioner of the training is the captioner of the serving, with its options."""

import json
import logging
from pathlib import Path
from typing import Any

import pytest
import soundfile
from mgcld_plugins.explainers.template import TemplateExplainer

from mgcld.assemble import build_daemon, build_recogniser, build_source, build_trainer, usual_explainer
from mgcld.audio.spool import Spool
from mgcld.audio.windows import made_window
from mgcld.config import Config, Part, load_config, named_part
from mgcld.demo.sounds import synthesise
from mgcld.errors import CheckpointError, ConfigError
from mgcld.model.checkpoint import load_adapter, save_adapter
from mgcld.training.support import find_support

RATE = 16_000
MINI = Part.model_validate({"type": "mini", "device": "cpu"})
SIREN = made_window("room", synthesise("siren", 9, 5.0, RATE), RATE)


@pytest.fixture(scope="module")
def support(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One shot each of two classes."""
    folder = tmp_path_factory.mktemp("support")
    for name in ("siren", "rain"):
        (folder / name).mkdir()
        soundfile.write(folder / name / "1.wav", synthesise(name, 3, 2.0, RATE), RATE)
    return folder


@pytest.fixture
def train(support: Path, tmp_path: Path) -> Any:
    def trained(captioner: Part) -> Path:
        trainer = build_trainer(encoder=MINI, captioner=captioner, mode="paper", progress=lambda *_: None)
        path = tmp_path / "adapter.safetensors"
        save_adapter(trainer(find_support(support))[0].adapter, path)
        return path

    return trained


def test_a_captioner_comes_back_with_the_options_that_it_was_trained_with(train: Any, tmp_path: Path) -> None:
    (tmp_path / "mine & yours.txt").write_text("a siren wails\nrain falls\n")
    wish = Part.model_validate(
        {"type": "retrieval", "phrases": "mine & yours.txt", "most": 2}, context={"base": tmp_path}
    )
    path = train(wish)
    made = load_adapter(path).provenance
    assert made.captioner.startswith("retrieval?")
    assert "the 2 nearest of 2 phrases" in made.captions
    with pytest.raises(ConfigError, match="its option phrases is no number"):
        build_recogniser(path, MINI)
    (prediction,) = build_recogniser(path, MINI, named_part(made.captioner))([SIREN])
    assert prediction.caption == "a siren wails and rain falls"


TAGLESS = """
from mgcld_plugins.encoders.mini import MiniEncoder

class Tagless(MiniEncoder):
    def __init__(self) -> None:
        super().__init__("cpu")
        self.tag_names = ()
"""


def test_without_a_wish_the_captioner_fits_the_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tagless.py").write_text(TAGLESS)
    monkeypatch.syspath_prepend(tmp_path)
    trainers = [
        build_trainer(encoder=encoder, mode="paper", progress=lambda *_: None)
        for encoder in (MINI, named_part("tagless:Tagless"))
    ]
    assert [trainer.captioner for trainer in trainers] == ["tags", "retrieval"]
    assert trainers[1].listener([SIREN]).captions[0]


def test_where_it_ran_is_not_noted(train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere.py").write_text(
        "class Machine:\n"
        "    def __init__(self, encoder, device: str = 'auto', loud: bool = False):\n"
        "        self.provenance, self.device = f'machine {loud}', device\n"
        "    def caption(self, windows, features):\n"
        "        return [f'a machine on {self.device}'] * len(windows)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    path = train(named_part("elsewhere:Machine?device=cuda:7&loud=true"))
    noted = load_adapter(path).provenance.captioner
    assert noted == "elsewhere:Machine?loud=True"
    assert load_adapter(path).provenance.captions == "machine True"
    assert build_recogniser(path, MINI, named_part(noted))([SIREN])[0].caption == "a machine on auto"


def test_a_captioner_s_folder_is_noted_as_it_is_found_from_anywhere(
    train: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "further.py").write_text(
        "class Machine:\n"
        "    provenance = 'machine'\n"
        "    def __init__(self, encoder, model: str): ...\n"
        "    def caption(self, windows, features):\n"
        "        return [None] * len(windows)\n"
    )
    (tmp_path / "weights").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    noted = [load_adapter(train(named_part(f"further:Machine={m}"))).provenance.captioner for m in ("weights", "a/hub")]
    assert noted == [f"further:Machine={tmp_path / 'weights'}", "further:Machine=a/hub"]


def test_another_captioner_serves_with_a_warning(train: Any, caplog: pytest.LogCaptureFixture) -> None:
    path = train(named_part("tags"))
    with caplog.at_level(logging.WARNING):
        build_recogniser(path, MINI)
        assert not caplog.records
        recogniser = build_recogniser(path, MINI, named_part("none"))
    assert "captions by tags: at most 3, of at least 0.08, but now they are by none" in caplog.text
    assert recogniser([SIREN])[0].caption is None


def test_captions_beside_the_shots_are_heard_in_training_and_not_in_a_stream(
    train: Any, support: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (support / "captions.yaml").write_text("siren/1.wav: a siren wails\nrain/1.wav: rain falls\n")
    try:
        with caplog.at_level(logging.WARNING):
            path = train(named_part("file"))
        assert load_adapter(path).provenance.report["skipped"] == []
    finally:
        (support / "captions.yaml").unlink()
    assert not caplog.records
    (prediction,) = build_recogniser(path, MINI)([SIREN])
    assert (prediction.caption, prediction.caption_fresh) == (None, True)


def test_without_a_wish_the_bank_explains_but_for_mini(train: Any) -> None:
    assert usual_explainer(named_part("clap=./folder")) == "bank"
    assert load_adapter(train(Part(type="none"))).sentences[0] == tuple(TemplateExplainer().explain("rain"))


LIVE = """
class Quiet:
    live = True
    def blocks(self):
        yield from ()
"""


@pytest.fixture
def spooled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A configuration with a live source, a recording, a spool and an adapter, absent unless given."""
    (tmp_path / "quiet.py").write_text(LIVE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    (tmp_path / "sub").mkdir()

    def config(spool: str, adapter: object = "none") -> Any:
        path = tmp_path / "sub" / "config.yaml"
        sources = "{room: {type: 'quiet:Quiet'}, tape: tape.wav}"
        endpoint = "{endpoint: 'tcp://127.0.0.1:*'}"
        path.write_text(f"adapter: {adapter}\nsources: {sources}\nspool: {spool}\npublish: {endpoint}\n")
        return lambda: load_config(path, {})

    return config


@pytest.mark.parametrize(
    "source",
    [
        {"type": "rtsp", "address": "rtsp://user:SECRET@:port/x"},
        {"type": "rtsp", "url": "rtsp://user:SECRET@h/x", "timeout_seconds": 0},
    ],
)
def test_which_of_many_sources_cannot_be_used_is_told_without_its_address(source: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match=r"^sources\.garden: ") as caught:
        build_source("garden", Part(**source))
    assert caught.value.help
    assert "SECRET" not in str(caught.value) + caught.value.help


def test_a_spool_without_a_folder_is_told_before_the_adapter_is_looked_for(spooled: Any) -> None:
    with pytest.raises(ConfigError, match="no folder") as told:
        build_daemon(spooled("{}"), views={})
    assert "spool.folder" in told.value.help


def test_live_sources_are_spooled_where_the_file_says(
    spooled: Any, demo: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in ("gone", "lost+found"):
        (tmp_path / "sub" / "here" / name).mkdir(parents=True)
    with Spool(tmp_path / "sub" / "here" / "gone", max_bytes=1 << 20) as spool:
        spool.append(b"sound")
    build_daemon(spooled("{folder: here}", demo / "adapter.safetensors"), views={})
    assert {path.name for path in (tmp_path / "sub" / "here").iterdir()} == {"room", "gone", "lost+found"}
    assert "gone: it is no live source any more" in caplog.text
    assert "lost+found" not in caplog.text


def test_a_service_spools_in_its_state_directory(
    spooled: Any, demo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STATE_DIRECTORY", f"{tmp_path}/state:{tmp_path}/other")
    build_daemon(spooled("{}", demo / "adapter.safetensors"), views={})
    assert [path.name for path in (tmp_path / "state" / "spool").iterdir()] == ["room"]


def test_without_a_spool_nothing_is_kept(spooled: Any, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError):
        build_daemon(spooled("null"), views={})
    assert not list(tmp_path.rglob("cursor"))


def test_a_sink_of_any_name_is_another_than_the_daemon_s_own(demo: Path, tmp_path: Path) -> None:
    """One that was called `metrics` stood beside the one that HTTP asks, and took it along when it was removed."""
    options = {
        "adapter": str(demo / "adapter.safetensors"),
        "sources": {"room": str(demo / "soundscape.flac")},
        "http": {},
        "sinks": {"metrics": {"type": "jsonl", "path": str(tmp_path / "log.jsonl")}},
    }
    (tmp_path / "mgcld.yaml").write_text(json.dumps(options))
    daemon = build_daemon(lambda: load_config(tmp_path / "mgcld.yaml", {}), views={})
    assert sorted(status.name for status in daemon.snapshot().sinks) == ["http metrics", "metrics"]
    daemon._outlet.close()


def test_another_adapter_is_heard_with_the_captioner_that_is_there(demo: Path, tmp_path: Path) -> None:
    """Each swap built another: a generative one would be twice in memory."""
    options = {"adapter": str(demo / "adapter.safetensors"), "sources": {"room": str(demo / "soundscape.flac")}}
    config = Config.model_validate(options)
    daemon = build_daemon(lambda: config, views={})
    workshop = daemon.manager._workshop
    serving, tags = daemon._engine.served, {"captioner": named_part("tags?most=1")}
    again, other = workshop.served(config), workshop.served(config.model_copy(update=tags))
    captioners = [served.recogniser._listener.captioner for served in (serving, again, other)]
    assert captioners[0] is captioners[1]
    assert captioners[0] is not captioners[2]
