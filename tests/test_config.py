"""The configuration: the files that we ship work, and every mistake is named with its path."""

import inspect
import re
from pathlib import Path
from typing import Any, Literal

import pytest

from mgcld import config as module
from mgcld.config import (
    Config,
    Model,
    Part,
    explainer_part,
    load_config,
    named_part,
    options_of,
    part_of_address,
)
from mgcld.errors import ConfigError
from mgcld.registry import BUILT_IN, load

FOLDER = Path(__file__).parents[1] / "config"
FILES = sorted(FOLDER.glob("*.yaml"))
VALID = "adapter: a\nsources: {kitchen: x.wav}\n"


@pytest.fixture
def written(tmp_path: Path) -> Any:
    def write(text: str) -> Path:
        path = tmp_path / "mgcld.yaml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def options_of_source(name: str, part: Part) -> dict[str, Any]:
    constructor = load("source", part.type)
    options = part.options
    address = options.pop("address", None)
    given = options if address is None else {**constructor.from_address(address), **options}
    return options_of(constructor, given, where=f"sources.{name}", base=part.base)


def options_of_sink(name: str, part: Part) -> dict[str, Any]:
    return options_of(load("sink", part.type), part.options, where=f"sinks.{name}", base=part.base)


def uncommented(path: Path) -> str:
    """The file with every option that it mentions in place: `# name: value` becomes `name: value`."""
    return re.sub(r"(?m)^( *)# (\w+: \S+)$", r"\1\2", path.read_text(encoding="utf-8"))


# The files that we ship


def test_there_is_a_file_for_each_built_in_source_the_sinks_the_demo_and_the_service() -> None:
    assert {path.stem for path in FILES} == {"demo", "service", "sinks", *BUILT_IN["source"]}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_that_we_ship_loads_and_its_sources_and_sinks_take_their_options(path: Path) -> None:
    config = load_config(path, {})
    for name, part in config.sources.items():
        constructor = load("source", part.type)
        constructor(**options_of_source(name, part))
    for name, part in config.sinks.items():
        assert options_of_sink(name, part).keys() == part.options.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_the_commented_options_show_their_defaults(path: Path, written: Any) -> None:
    given = load_config(path, {})
    shown = load_config(written(uncommented(path).replace("node: null\n", "")), {})
    rest = {"sources", "sinks", "adapter"}
    assert shown.model_dump(exclude=rest) == given.model_dump(exclude=rest)
    for name, part in shown.sources.items():
        defaults = inspect.signature(load("source", part.type)).parameters
        for option in part.options.keys() - given.sources[name].options.keys():
            assert part.options[option] == defaults[option].default


def test_the_demo_file_mentions_every_option_of_the_daemon() -> None:
    mentioned = set(re.findall(r"(?m)^ *(\w+):", uncommented(FOLDER / "demo.yaml")))
    assert mentioned >= set(Config.model_fields) | set(module.PublishConfig.model_fields)


@pytest.mark.parametrize("kind", BUILT_IN["source"])
def test_a_source_s_file_mentions_every_option_of_the_source(kind: str) -> None:
    mentioned = set(re.findall(r"(?m)^ *(\w+):", uncommented(FOLDER / f"{kind}.yaml")))
    assert mentioned >= set(inspect.signature(load("source", kind)).parameters)


@pytest.mark.parametrize("kind", BUILT_IN["sink"])
def test_the_file_of_the_sinks_mentions_every_option_of_each_with_its_default(kind: str, written: Any) -> None:
    shown = load_config(written(uncommented(FOLDER / "sinks.yaml")), {})
    ((name, part),) = [(name, part) for name, part in shown.sinks.items() if part.type == kind]
    defaults = inspect.signature(load("sink", kind)).parameters
    assert part.options.keys() == defaults.keys()
    options = options_of_sink(name, part)
    for option in (option for option in defaults.values() if option.default is not option.empty):
        tidied = tuple(options[option.name]) if isinstance(option.default, tuple) else options[option.name]
        assert tidied == option.default, option.name


@pytest.mark.parametrize("kind", BUILT_IN["captioner"])
def test_the_demo_file_explains_every_captioner_and_its_options(kind: str) -> None:
    (explained,) = re.findall(rf"(?ms)^#   {kind}  .*?(?=^#   \w|^# captioner)", (FOLDER / "demo.yaml").read_text())
    options = set(inspect.signature(load("captioner", kind)).parameters) - {"encoder"}
    assert set(re.findall(r"(\w+):", explained)) >= options


def models(parent: type[Model] = Model) -> list[type[Model]]:
    return [found for child in parent.__subclasses__() for found in (child, *models(child))]


@pytest.mark.parametrize("model", [*models(), Part], ids=lambda model: model.__name__)
def test_every_option_has_a_description(model: type[Model]) -> None:
    assert {name for name, field in model.model_fields.items() if not field.description} == set()


# What a file may say


def test_relative_paths_start_at_the_file_and_absolute_ones_stay(written: Any) -> None:
    path = written("adapter: ../a.safetensors\nsources: {one: one.wav, two: /sounds/two.wav}")
    config = load_config(path, {})
    assert config.adapter == path.parent / "../a.safetensors"
    assert options_of_source("one", config.sources["one"])["path"] == path.parent / "one.wav"
    assert options_of_source("two", config.sources["two"])["path"] == Path("/sounds/two.wav")


def test_paths_on_the_command_line_start_at_the_working_directory(written: Any) -> None:
    wishes = {"sources": {"two": part_of_address("two.wav")}, "adapter": Path("mine.safetensors")}
    config = load_config(written(VALID), wishes)
    assert config.adapter == Path("mine.safetensors")
    assert options_of_source("two", config.sources["two"])["path"] == Path("two.wav")


def test_the_command_line_wins_key_by_key(written: Any) -> None:
    path = written(VALID + "publish: {insecure: true}\nhop_seconds: 2\n")
    config = load_config(path, {"publish": {"endpoint": "tcp://*:1"}, "hop_seconds": 1.0, "sources": {}})
    assert (config.publish.endpoint, config.publish.insecure, config.hop_seconds) == ("tcp://*:1", True, 1.0)
    assert config.sources["kitchen"].options == {"address": "x.wav"}


def test_the_command_line_alone_is_enough() -> None:
    config = load_config(None, {"adapter": Path("a"), "sources": {"mic": part_of_address("microphone:default")}})
    assert config.sources["mic"].type == "microphone"


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("rtsp://host/path", "rtsp"),
        ("RTSPS://host/path", "rtsp"),
        ("microphone:USB Audio", "microphone"),
        ("a/b.wav?pace=max", "file"),
        ("/a:b.wav", "file"),
        ("file:a.wav", "file"),
    ],
)
def test_an_address_names_its_kind_of_source(address: str, kind: str) -> None:
    part = part_of_address(address)
    assert (part.type, part.options) == (kind, {"address": address})


class Teller:
    """A captioner with an option of each kind."""

    def __init__(
        self,
        encoder: object,  # noqa: ARG002
        model: str = "tiny",
        prefix: str = "",
        most: int = 1,
        floor: float = 0.5,
        list: Path | None = None,
    ) -> None:
        self.told = (model, prefix, most, floor, list)


@pytest.mark.parametrize("prefix", ["", "clotho > caption: ", "a=b&c=d?e#f%20+", "Ü"])
@pytest.mark.parametrize("model", ["laion/clap-htsat-unfused", "/weights/a=b", "odd?name", "100%"])
def test_a_part_with_options_goes_through_its_name_and_back(model: str, prefix: str) -> None:
    given = {"model": model, "prefix": prefix, "most": 7, "floor": 0.25, "list": Path("/a b.txt")}
    name = Part.model_validate({"type": "Teller", **given}).named
    read = named_part(name)
    assert (read.type, read.named) == ("Teller", name)
    options = options_of(Teller, read.options, where="captioner", base=Path("/elsewhere"), injected=["encoder"])
    assert Teller(None, **options).told == tuple(given.values())


def test_a_part_is_named_as_shortly_as_can_be() -> None:
    assert named_part("tags").named == "tags"
    assert named_part("clap=laion/larger_clap_general").named == "clap=laion/larger_clap_general"
    assert named_part("tags?most=2").named == "tags?most=2"
    assert named_part("package.module:Captioner?most=2").type == "package.module:Captioner"


@pytest.mark.parametrize("wish", ["", "=model", "clap=", "?most=2"])
def test_what_names_no_part_is_a_mistake_with_an_example(wish: str) -> None:
    with pytest.raises(ConfigError, match="names no part") as caught:
        named_part(wish)
    assert "NAME=MODEL" in caught.value.help


def test_a_file_may_write_a_part_as_the_command_line_does(written: Any) -> None:
    config = load_config(written(VALID + "captioner: tags?most=2"), {})
    assert config.captioner is not None
    assert (config.captioner.type, config.captioner.options) == ("tags", {"most": "2"})


# Mistakes


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (VALID + "hop_second: 3", "hop_second: unknown key, did you mean hop_seconds?"),
        (VALID + "publish: {endpont: x}", "publish.endpont: unknown key, did you mean endpoint?"),
        (VALID + "events: {treshold: 0.5}", "events.treshold: unknown key, did you mean threshold?"),
        (
            VALID + "events: {sources: {hall: {classes: {dog: {treshold: 0.5}}}}}",
            "events.sources.hall.classes.dog.treshold: unknown key, did you mean threshold?",
        ),
        (VALID + "overload: {longest_hop: 3}", "overload.longest_hop: unknown key, did you mean longest_hop_seconds?"),
        (VALID + "zzz: 3", "zzz: unknown key"),
        (VALID + "hop_seconds: fast", "hop_seconds: must be a valid number"),
        (VALID + "hop_seconds: 0", "hop_seconds: must be greater than 0"),
        (VALID + "hop_seconds: .nan", "hop_seconds: must be"),
        (VALID + "max_batch: 1.5", "max_batch: must be a valid integer"),
        (VALID + "log_level: loud", "log_level: must be 'debug', 'info', 'warning' or 'error'"),
        (VALID + "publish: tcp://127.0.0.1:1", "publish: write a mapping"),
        (VALID + "captioner: 5", "captioner: write a name"),
        (VALID + "node: ''", "node: '' is no name"),
        (VALID + "node: 7", "node: write text, in quotes"),
        ("sources: {kitchen: x.wav}", "adapter: missing"),
        ("adapter: 7\nsources: {kitchen: x.wav}", "adapter: write a path"),
        ("adapter: a", "sources: at least one is needed"),
        ("adapter: a\nsources:", "sources: at least one is needed"),
        ("adapter: a\nsources: {}", "sources: at least one is needed"),
        ("adapter: a\nsources: [x.wav]", "sources: write a mapping"),
        ("adapter: a\nsources: {'my kitchen': x.wav}", "sources: 'my kitchen' is no name"),
        ("adapter: a\nsources: {'a/b': x.wav}", "sources: 'a/b' is no name"),
        ("adapter: a\nsources: {7: x.wav}", "sources.7: write text, in quotes"),
        ("adapter: a\nsources: {kitchen: }", "sources.kitchen: write an address"),
        ("adapter: a\nsources: {kitchen: {url: x}}", "sources.kitchen.type: missing"),
        ("adapter: a\nsources: {kitchen: {type: 5}}", "sources.kitchen.type: write text"),
        ("adapter: a\nsources:\n  one: x.wav\n  one: y.wav", "'one' stands twice"),
        ("adapter: a\n\tsources: x", "is not YAML"),
        ("? [a, b]\n: c", "is not YAML"),
        ("- adapter", "holds no options"),
        ("", "holds no options"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_path(written: Any, text: str, said: str) -> None:
    path = written(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path, {"sources": {}})
    assert said in str(caught.value)
    assert str(path) in f"{caught.value} {caught.value.help}"


def test_without_a_file_the_help_is_about_the_command_line() -> None:
    with pytest.raises(ConfigError, match="sources: at least one is needed") as caught:
        load_config(None, {"adapter": Path("a"), "sources": {}})
    assert "--source mic=microphone:default" in caught.value.help


def test_every_mistake_is_named_at_once(written: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(written("hop_seconds: 0\nsources: {}"), {})
    assert len(str(caught.value).splitlines()) == 3


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.yaml: No such file"):
        load_config(tmp_path / "absent.yaml", {})
    with pytest.raises(ConfigError, match="Is a directory"):
        load_config(tmp_path, {})
    (tmp_path / "latin.yaml").write_bytes(b"adapter: \xe4")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_config(tmp_path / "latin.yaml", {})


# The options of a part


class Radio:
    """A part as a third party writes one."""

    def __init__(
        self, url: str, band: Literal["fm", "am"] = "fm", gain: float = 1.0, log: Path | None = None, model: str = ""
    ) -> None: ...


def test_a_part_is_given_what_was_written_and_nothing_else(tmp_path: Path) -> None:
    assert options_of(Radio, {"url": "x", "gain": "2"}, where="sources.kitchen") == {"url": "x", "gain": 2.0}
    rooted = options_of(Radio, {"url": "x", "log": "heard.txt"}, where="sources.kitchen", base=tmp_path)
    assert rooted["log"] == tmp_path / "heard.txt"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("./clap", "{base}/clap"),
        ("../clap", "{base}/../clap"),
        ("~/clap", "{home}/clap"),
        ("/srv/clap", "/srv/clap"),
        ("laion/clap-htsat-unfused", "laion/clap-htsat-unfused"),
        (".hidden", ".hidden"),
    ],
)
def test_text_that_begins_as_a_path_starts_at_the_file_too(tmp_path: Path, written: str, meant: str) -> None:
    options = options_of(Radio, {"url": "x", "model": written}, where="encoder", base=tmp_path)
    assert options["model"] == meant.format(base=tmp_path, home=Path.home())
    assert options_of(Radio, {"url": "x", "model": written}, where="encoder")["model"] == written


def test_the_home_of_nobody_is_named_with_its_part(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"sources\.kitchen: .*home") as raised:
        options_of(Radio, {"url": "x", "log": "~nobody-at-all/log"}, where="sources.kitchen", base=tmp_path)
    assert "~" in raised.value.help


@pytest.mark.parametrize("wish", ["mini", "clap=laion/larger_clap_general", "clap=./here=there"])
def test_a_part_is_named_on_the_command_line_and_names_itself_so(wish: str) -> None:
    part = named_part(wish, device="cpu")
    name, _, model = wish.partition("=")
    assert part.type == name
    assert part.options == {"device": "cpu", **({"model": model} if model else {})}
    assert part.named == f"{wish}?device=cpu"
    assert named_part(part.named).options == part.options


@pytest.mark.parametrize("wish", ["", "clap=", "=laion/larger_clap_general"])
def test_half_a_name_is_a_mistake(wish: str) -> None:
    with pytest.raises(ConfigError, match="names no part") as caught:
        named_part(wish)
    assert "NAME=MODEL" in caught.value.help


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ulr": "x"}, "sources.kitchen.ulr: unknown key, did you mean url?"),
        ({"ulr": "x"}, "sources.kitchen.url: missing"),
        ({"url": 5}, "sources.kitchen.url: write text"),
        ({"url": "x", "band": "lw"}, "sources.kitchen.band: must be 'fm' or 'am'"),
        ({"url": "x", "gain": "loud"}, "sources.kitchen.gain: must be a valid number"),
        ({"url": "x", "log": 5}, "sources.kitchen.log: write a path"),
    ],
)
def test_a_mistake_in_a_part_s_options_is_named_with_its_path(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        options_of(Radio, given, where="sources.kitchen")
    assert any(line.startswith(said) for line in str(caught.value).splitlines())


def test_what_the_assembler_gives_cannot_be_written_by_a_user() -> None:
    with pytest.raises(ConfigError, match=r"captioner\.url: unknown key"):
        options_of(Radio, {"url": "x"}, where="captioner", injected=["url"])


def test_an_explainer_is_a_name_or_a_file_with_options_over_it(tmp_path: Path) -> None:
    (tmp_path / "chat.yaml").write_text("type: chat\nmodel: small-talk\nkey_file: key\ncount: 4\n")
    part = explainer_part(str(tmp_path / "chat.yaml"), 6, ["model=large-talk", "base_url=http://host/v1?a=b"])
    assert (part.type, part.base) == ("chat", tmp_path)
    wanted = {"model": "large-talk", "key_file": "key", "count": 6, "base_url": "http://host/v1?a=b"}
    assert part.options == wanted
    built = options_of(load("explainer", "chat"), part.options, where="explainer", base=part.base)
    assert built["key_file"] == tmp_path / "key"
    assert explainer_part("bank") == Part(type="bank")


@pytest.mark.parametrize("text", ["model: small-talk\n", "type: [chat]\n"])
def test_a_file_without_an_explainer_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "chat.yaml").write_text(text)
    with pytest.raises(ConfigError, match="type: ") as caught:
        explainer_part(str(tmp_path / "chat.yaml"))
    assert "chat.yaml" in caught.value.help
