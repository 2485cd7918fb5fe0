"""Sentences about each class, kept beside the shots."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pytest
import yaml
from mgcld_plugins.explainers.bank import BankExplainer
from mgcld_plugins.explainers.template import TemplateExplainer

from mgcld.errors import ExplanationError, SupportSetError
from mgcld.training.explain import Explained, Writer, explain_classes
from mgcld.training.support import SupportSet, find_support


class Poet:
    """Writes a verse a class, until it has written enough."""

    def __init__(self, most: int = 9) -> None:
        self.asked: list[str] = []
        self._most = most

    def explain(self, name: str) -> Sequence[str]:
        if len(self.asked) == self._most:
            raise ExplanationError("the poet is tired", help="try later")
        self.asked.append(name)
        return [f"hark,\n{name} ", "once more"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("bell", "cat", "flux capacitor"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.wav").touch()
    return tmp_path


def told(folder: Path, explainer: "Poet | BankExplainer", *classes: str, again: bool = False) -> list[Explained]:
    support: SupportSet = find_support(folder)
    names = classes or tuple(support.classes)
    writer = Writer("poet", explainer, TemplateExplainer())
    _, explained = explain_classes(support, writer, classes=names, again=again, progress=lambda *_: None)
    return explained


def test_training_reads_what_was_written(folder: Path) -> None:
    explained = told(folder, Poet())
    assert [(row.name, row.kept, row.by) for row in explained] == [
        ("bell", False, "poet"),
        ("cat", False, "poet"),
        ("flux capacitor", False, "poet"),
    ]
    assert find_support(folder).sentences == {row.name: row.sentences for row in explained}
    assert explained[0].sentences == ("hark, bell", "once more")


def test_nothing_is_asked_twice(folder: Path) -> None:
    told(folder, Poet(), "cat")
    poet = Poet()
    explained = told(folder, poet)
    assert poet.asked == ["bell", "flux capacitor"]
    assert [(row.name, row.kept, row.by) for row in explained][1] == ("cat", True, "poet")
    text = (folder / "explanations.yaml").read_text()
    assert all(row.kept for row in told(folder, poet))
    assert (folder / "explanations.yaml").read_text() == text


def test_what_people_wrote_stays_unless_asked_again(folder: Path) -> None:
    own = "cat:  # mine\n- she complains\n"
    (folder / "explanations.yml").write_text(own)
    assert told(folder, Poet())[1] == Explained("cat", True, "hand", ("she complains",))
    assert (folder / "explanations.yml").read_text().startswith(own)
    assert not (folder / "explanations.yaml").exists()
    assert told(folder, Poet(), "cat", again=True) == [Explained("cat", False, "poet", ("hark, cat", "once more"))]
    assert find_support(folder).sentences["cat"] == ("hark, cat", "once more")


def test_sentences_of_people_stay_where_the_explainer_knows_no_more_than_the_name(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "explanations.yaml").write_text("flux capacitor:\n- it crackles\ncat:\n- she complains\n")
    explained = told(folder, BankExplainer(), again=True)
    assert [(row.kept, row.by) for row in explained] == [(False, "bank"), (False, "bank"), (True, "hand")]
    assert find_support(folder).sentences["flux capacitor"] == ("it crackles",)
    assert caplog.records == []


def test_nobody_is_asked_where_the_answer_could_not_be_written_down(folder: Path) -> None:
    (folder / "explanations.yaml").write_text("{bell: [it rings]}\n")
    poet = Poet()
    with pytest.raises(SupportSetError, match="'cat' cannot be added"):
        told(folder, poet, "cat")
    assert poet.asked == []


def test_what_was_paid_for_is_kept_when_the_explainer_gives_up(folder: Path) -> None:
    with pytest.raises(ExplanationError, match="tired"):
        told(folder, Poet(most=2))
    assert list(find_support(folder).sentences) == ["bell", "cat"]


def test_what_a_person_writes_meanwhile_stays(folder: Path) -> None:
    class Busy(Poet):
        def explain(self, name: str) -> Sequence[str]:
            path = folder / "explanations.yaml"
            mine = "cat: [she complains]\n" if name == "cat" else ""
            path.write_text((path.read_text() if path.exists() else "") + f"# {name} is next\n{mine}")
            return super().explain(name)

    assert told(folder, Busy())[1] == Explained("cat", True, "hand", ("she complains",))
    text = (folder / "explanations.yaml").read_text()
    assert find_support(folder).sentences["cat"] == ("she complains",)
    assert all(f"# {name} is next\n" in text for name in ("bell", "cat", "flux capacitor"))


def test_it_is_noted_who_wrote_what_and_when(folder: Path) -> None:
    told(folder, BankExplainer())
    noted = yaml.safe_load((folder / "explanations.yaml").read_text())["_made"]
    today = date.today().isoformat()
    assert noted == [
        {"classes": ["bell", "cat"], "by": "bank", "date": today},
        {"classes": ["flux capacitor"], "by": "template", "date": today},
    ]


def test_what_the_template_said_gives_way_unless_a_person_changed_it(folder: Path) -> None:
    told(folder, BankExplainer(count=3))
    text = (folder / "explanations.yaml").read_text()
    assert [row.kept for row in told(folder, BankExplainer(count=3))] == [True] * 3
    assert (folder / "explanations.yaml").read_text() == text
    assert [row.by for row in told(folder, Poet())] == ["bank", "bank", "poet"]
    changed = text.replace("this is a sound of flux", "this is a hum of flux")
    (folder / "explanations.yaml").write_text(changed)
    assert told(folder, Poet())[2].sentences[1] == "this is a hum of flux capacitor"
    assert (folder / "explanations.yaml").read_text() == changed


@pytest.mark.parametrize("said", [[], ["fine so far", " \n"]])
def test_an_explainer_that_says_nothing_is_told(folder: Path, said: list[str]) -> None:
    class Silent(Poet):
        def explain(self, name: str) -> Sequence[str]:
            return [*super().explain(name)[:0], *said]

    with pytest.raises(ExplanationError, match="the explainer wrote no sentences about 'bell'"):
        told(folder, Silent())
    assert not (folder / "explanations.yaml").exists()


def test_a_file_that_cannot_be_written_is_told_before_anybody_is_asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.access", lambda *_: False)  # root may write everywhere
    poet = Poet()
    with pytest.raises(SupportSetError, match="cannot be written"):
        told(folder, poet)
    assert poet.asked == []
