"""`mgcld explain`, as its users run it."""

from datetime import date
from pathlib import Path

import pytest
import yaml
from chat_server import NUMBERS, chat, fails, says
from commands import is_polite, mgcld

from mgcld.cli.explain import kept
from mgcld.config import Part
from mgcld.training.support import find_support

KEY = "sk-secret-123456"


def sentences(name: str) -> list[str]:
    return [f"the sound of {name} number {number}" for number in NUMBERS]


@pytest.fixture
def shots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A support folder with three classes, one of which the bank does not know."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("barking dog", "smoke_alarm", "flux capacitor"):
        (tmp_path / "support" / name).mkdir(parents=True)
        (tmp_path / "support" / name / "1.wav").touch()
    return tmp_path / "support"


def written(shots: Path) -> dict[str, list[str]]:
    content: dict[str, list[str]] = yaml.safe_load((shots / "explanations.yaml").read_text())
    return content


def test_the_bank_writes_what_it_knows_and_says_what_it_does_not(shots: Path) -> None:
    result = mgcld("explain", "--shots", shots, "--count", 4)
    assert result.returncode == 0, result.stderr
    assert [line.split()[:4] for line in result.stdout.splitlines()[1:4]] == [
        ["barking", "dog", "bank", "4"],
        ["flux", "capacitor", "template", "4"],
        ["smoke_alarm", "bank", "4", "the"],
    ]
    assert f"wrote 3 classes into {shots}/explanations.yaml" in result.stdout
    assert "of 1 class only the name is used: 'flux capacitor';" in result.stderr
    assert written(shots)["barking dog"][0] == "the sound of a dog barking"
    again = mgcld("explain", "--shots", shots, "--with", "template", "--count", 4)
    assert again.stdout.count("kept") == 3
    assert "nothing is new in" in again.stdout


def test_only_the_classes_that_are_named_and_over_what_people_wrote_only_if_told(shots: Path) -> None:
    (shots / "explanations.yaml").write_text("smoke_alarm:\n- beep, says mine\n")
    run = ("explain", "--shots", shots, "--classes", "smoke_alarm, barking dog")
    assert "hand, kept" in mgcld(*run).stdout
    assert written(shots)["smoke_alarm"] == ["beep, says mine"]
    assert mgcld(*run, "--again").returncode == 0
    assert len(written(shots)["smoke_alarm"]) == 8
    assert "flux capacitor" not in written(shots)


def test_a_chat_model_writes_and_is_not_asked_twice(shots: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MGCLD_CHAT_KEY", KEY)
    classes = ("barking dog", "flux capacitor", "smoke_alarm")
    answers = [says(sentences(name), prompt_tokens=100, completion_tokens=200) for name in classes]
    with chat(*answers[:2], fails(402, f"out of credit, {KEY}"), answers[2]) as server:
        part = {
            "type": "chat",
            "base_url": server.base_url,
            "model": "small-talk",
            "input_price": 2,
            "output_price": 10,
        }
        (shots.parent / "chat.yaml").write_text(yaml.safe_dump(part))
        run = ("explain", "--shots", shots, "--with", shots.parent / "chat.yaml")
        broke = mgcld(*run)
        assert is_polite(broke, 68), broke.stderr
        assert "status 402: out of credit, …" in broke.stderr
        assert "'barking dog' took 100 tokens in and 200 out, which cost 0.002200" in broke.stderr
        assert sorted(set(written(shots)) - {"_made"}) == ["barking dog", "flux capacitor"]
        went_on = mgcld(*run)
        assert went_on.returncode == 0, went_on.stderr
    assert len(server.asked) == 4
    assert written(shots)["smoke_alarm"] == sentences("smoke_alarm")
    (noted,) = yaml.safe_load((shots / "explanations.yaml").read_text())["_made"]
    assert noted.pop("prompt").startswith("Write exactly {count}")
    assert noted == {
        "classes": list(classes),
        "by": "chat",
        "model": "small-talk",
        "base_url": server.base_url,
        "date": date.today().isoformat(),
    }
    assert KEY not in broke.stdout + broke.stderr + went_on.stdout + went_on.stderr
    assert KEY not in (shots / "explanations.yaml").read_text()


def test_training_asks_a_chat_model_once_and_keeps_what_it_said(shots: Path) -> None:
    (shots / "explanations.yaml").write_text("smoke_alarm: [beep, says mine]\n")
    before = find_support(shots)
    with chat(says(sentences("dog")), says(sentences("flux"))) as server:
        part = Part.model_validate({"type": "chat", "base_url": server.base_url, "model": "small-talk"})
        support = kept(before, part, lambda *_: None)
        assert kept(support, part, lambda *_: None) == support
    assert len(server.asked) == 2
    assert support.sentences["flux capacitor"] == tuple(sentences("flux"))
    assert support.sentences["smoke_alarm"] == ("beep", "says mine")
    assert kept(before, Part(type="bank"), lambda *_: None) is before


def test_options_on_the_command_line_and_no_key_among_them(shots: Path) -> None:
    with chat(says(sentences("dog")[:2])) as server:
        options = ("--set", f"base_url={server.base_url}", "--set", "model=small-talk")
        run = ("explain", "--shots", shots, "--with", "chat", "--classes", "barking dog", "--count", 2, *options)
        refused = mgcld(*run, "--set", f"key={KEY}")
        assert is_polite(refused, 78), refused.stderr
        assert "a key never stands" in refused.stderr
        assert KEY not in refused.stdout + refused.stderr
        assert mgcld(*run).returncode == 0
    assert written(shots)["barking dog"] == sentences("dog")[:2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "barking dig"], "did you mean 'barking dog'?"),
        (["--with", "chat"], "explainer.base_url: missing\nexplainer.model: missing\nhelp: write --set OPTION=VALUE"),
        (["--with", "poet"], "no explainer is called 'poet'"),
        (["--with", "bank", "--set", "colour=red"], "explainer.colour: unknown key"),
        (["--set", KEY], "--set: no option and value"),
        (["--with", "nowhere.yaml"], "No such file or directory\nhelp: write a YAML file with `type`"),
        (["--with", "bank", "--count", "9"], "count: 9 is not between 1 and 8"),
    ],
)
def test_mistakes_are_told_in_a_few_words(shots: Path, arguments: list[str], message: str) -> None:
    result = mgcld("explain", "--shots", shots, *arguments)
    assert "Traceback" not in result.stderr
    assert message in result.stderr
    assert result.returncode == 78
    assert KEY not in result.stderr
    assert not (shots / "explanations.yaml").exists()
