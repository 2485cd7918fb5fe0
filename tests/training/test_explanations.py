"""`explanations.yaml`: what people wrote stays, whatever is added."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mgcld.errors import SupportSetError
from mgcld.training.explanations import HEADER, added, file_of, makers_of

BANK = {"by": "bank", "date": "2026-11-24"}
WRITTEN = """\
# My kitchen.
kettle:   # the old one
  - a rising hiss   # really
  - "it clicks: off"

# Next door
'door bell': [ding dong,
  ding]
cat:
- |
  she meows
  twice

# the end
"""


def test_an_empty_file_gets_a_header_sentences_and_a_note() -> None:
    text = added("", "kettle", ["a rising hiss", "it clicks: off"], BANK)
    assert text.startswith(HEADER)
    assert yaml.safe_load(text) == {
        "kettle": ["a rising hiss", "it clicks: off"],
        "_made": [{"classes": ["kettle"], "by": "bank", "date": "2026-11-24"}],
    }


def test_what_stands_there_stays_to_the_letter() -> None:
    text = added(WRITTEN, "fan", ["it whirrs"], BANK)
    assert text.startswith(WRITTEN)
    assert yaml.safe_load(text)["fan"] == ["it whirrs"]


@pytest.mark.parametrize(
    ("name", "gone", "stays"),
    [
        (
            "kettle",
            ["a rising hiss", "really", "it clicks"],
            ["# My kitchen.", "# Next door", "ding", "twice", "# the end"],
        ),
        ("door bell", ["ding"], ["# Next door", "# really", "she meows", "# the end"]),
        ("cat", ["meows", "twice"], ["# Next door", "# really", "ding]", "# the end"]),
    ],
)
def test_one_class_is_replaced_and_the_comments_around_it_stay(name: str, gone: list[str], stays: list[str]) -> None:
    text = added(WRITTEN, name, ["something new"], BANK)
    before, after = yaml.safe_load(WRITTEN), yaml.safe_load(text)
    assert {**before, name: ["something new"], "_made": after["_made"]} == after
    assert [part for part in gone if part in text] == []
    assert [part for part in stays if part not in text] == []


def test_classes_of_which_the_same_is_noted_stand_together() -> None:
    text = added(added("", "a", ["one"], BANK), "b", ["two"], {**BANK, "by": "chat", "model": "small-talk"})
    text = added(text, "c", ["three"], BANK)
    assert yaml.safe_load(text)["_made"] == [
        {"classes": ["b"], "by": "chat", "date": "2026-11-24", "model": "small-talk"},
        {"classes": ["a", "c"], "by": "bank", "date": "2026-11-24"},
    ]
    assert makers_of(text) == {"a": "bank", "b": "chat", "c": "bank"}
    text = added(text, "b", ["four"], BANK)
    assert makers_of(text) == {"a": "bank", "b": "bank", "c": "bank"}
    assert text.count("_made") == 1


def test_what_people_add_behind_the_notes_stays() -> None:
    text = added("", "a", ["one"], BANK) + "# by hand\nmine:\n- my own\n"
    text = added(text, "b", ["two"], BANK)
    assert "# by hand\nmine:\n- my own\n" in text
    assert makers_of(text) == {"a": "bank", "b": "bank"}


@pytest.mark.parametrize(
    "text",
    [
        "{kettle: [a hiss], cat: [a meow]}\n",
        "kettle: [a hiss]\n...\n",
        "kettle: &hiss [a hiss]\nsteam: *hiss\n",
        "  kettle:\n  - a hiss\n",
        "- kettle\n",
        "kettle: [",
    ],
)
def test_a_file_that_would_not_survive_it_is_refused(text: str) -> None:
    with pytest.raises(SupportSetError) as caught:
        added(text, "kettle" if "&" in text else "fan", ["it whirrs"], BANK)
    assert caught.value.help


PRINTABLE = st.characters(exclude_categories=("C", "Z"), include_characters=" ")
NAMES = st.text(PRINTABLE, min_size=1).filter(lambda name: not name.startswith("_"))
SENTENCES = st.lists(st.text(PRINTABLE, min_size=1), min_size=1, max_size=3)


@settings(deadline=None, max_examples=40)
@given(
    content=st.dictionaries(NAMES, SENTENCES, max_size=4),
    name=NAMES,
    sentences=SENTENCES,
    flow=st.sampled_from([None, False]),
    indent=st.integers(2, 6),
)
def test_any_names_and_sentences_come_back(
    content: dict[str, list[str]], name: str, sentences: list[str], flow: bool | None, indent: int
) -> None:
    text = yaml.safe_dump(content, default_flow_style=flow, indent=indent) if content else ""
    for _ in range(2):
        text = added(text, name, sentences, BANK)
        assert {key: value for key, value in yaml.safe_load(text).items() if key != "_made"} == {
            **content,
            name: sentences,
        }


def test_a_folder_has_one_file_of_explanations(tmp_path: Path) -> None:
    assert file_of(tmp_path) == tmp_path / "explanations.yaml"
    (tmp_path / "explanations.yml").touch()
    assert file_of(tmp_path) == tmp_path / "explanations.yml"
    (tmp_path / "explanations.yaml").touch()
    with pytest.raises(SupportSetError, match="two files of explanations"):
        file_of(tmp_path)
