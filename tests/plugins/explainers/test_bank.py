from collections import Counter

import pytest
from mgcld_plugins.explainers._names import keys_of, spoken
from mgcld_plugins.explainers.bank import BankExplainer, entries, find
from mgcld_plugins.explainers.template import TemplateExplainer
from public_labels import ESC_50, FSDKAGGLE_2018, URBANSOUND_8K

from mgcld.errors import ConfigError
from mgcld.interfaces import Attributing, Explainer

MONITORING = """
glass breaking|smoke alarm|carbon monoxide alarm|burglar alarm|water leak|gas leak|boiling kettle|washing machine|
dishwasher|dryer|vacuum cleaner|refrigerator hum|air conditioner|fan|boiler|pump|compressor|failing bearing|
grinding gears|belt squeal|electric motor|transformer hum|electrical buzz|hydraulic hammer|chainsaw|brush cutter|
lawn mower|leaf blower|axe chopping|gunshot|explosion|fireworks|baby crying|scream|shouting|moaning in pain|coughing|
snoring|footsteps|door knock|door bell|door slam|door creak|lock|drawer|keys|dog growl|dog whine|wolf|fox|deer|owl|
bees|mosquito|train horn|drone|motorcycle|truck|reversing beeper|brake squeal|car crash|bicycle bell|nurse call|
infusion pump alarm|ventilator alarm|ECG monitor beep|oven timer|microwave|telephone ring|mobile phone vibration|
printer|alarm clock|shower|tap dripping|speech|whispering|crowd|radio|television
""".replace("\n", "").split("|")


def test_every_class_of_the_data_sets_is_known() -> None:
    assert (len(ESC_50), len(FSDKAGGLE_2018), len(URBANSOUND_8K)) == (50, 41, 10)
    assert [name for name in (*ESC_50, *FSDKAGGLE_2018, *URBANSOUND_8K) if find(name) is None] == []


@pytest.mark.parametrize("labels", [ESC_50, FSDKAGGLE_2018, URBANSOUND_8K])
def test_no_two_classes_of_a_data_set_are_the_same_sound(labels: list[str]) -> None:
    assert len({find(label) for label in labels}) == len(labels)


def test_what_people_watch_for_is_known() -> None:
    assert [name for name in MONITORING if find(name) is None] == []


@pytest.mark.parametrize(
    "written",
    [
        *("dog-bark", "Dog Bark", "barking dog", "a dog barking", "the barking of dogs", "dogs bark", "DOG_BARKS"),
        *("DogBark", "dog's bark", "  dog   bark ", "sound of a dog barking"),
    ],
)
def test_a_name_is_found_however_it_is_written(written: str) -> None:
    entry = find(written)
    assert entry is not None
    assert entry.name == "dog bark"


@pytest.mark.parametrize("name", ["hot dog", "dog whistle", "bark beetle", "", "...", "Türklingel", "kettle drum solo"])
def test_a_part_of_a_name_is_not_enough(name: str) -> None:
    assert find(name) is None


def test_every_sound_has_eight_sentences_of_five_to_thirty_words() -> None:
    assert len(entries()) >= 150
    for entry in entries():
        assert len(entry.says) == 8, entry.name
        for sentence in entry.says:
            assert isinstance(sentence, str)
            assert 5 <= len(sentence.split()) <= 30, sentence


def test_no_sentence_stands_twice_in_the_bank() -> None:
    counts = Counter(sentence.lower() for entry in entries() for sentence in entry.says)
    assert [sentence for sentence, count in counts.items() if count > 1] == []


def test_no_name_leads_to_two_sounds_and_none_is_given_twice() -> None:
    seen: set[str] = set()
    for entry in entries():
        for name in (entry.name, *entry.also):
            assert not keys_of(name) <= seen, f"{entry.name}: {name}"
            seen |= keys_of(name)
            assert find(name) is entry, f"{entry.name}: {name}"


def test_the_first_sentence_and_most_others_name_the_sound() -> None:
    for entry in entries():
        telling = {word for name in (entry.name, *entry.also) for word in _stems(name)}
        naming = [bool(telling & _stems(sentence)) for sentence in entry.says]
        assert naming[0], entry.name
        assert sum(naming) >= 4, (entry.name, naming)


def _stems(text: str) -> set[str]:
    return {key for word in text.split() for key in keys_of(word)}


def test_fewer_explanations_are_the_first_ones() -> None:
    eight = BankExplainer().explain("dog")
    assert len(eight) == 8
    assert BankExplainer(count=3).explain("dog") == eight[:3]
    assert isinstance(BankExplainer(), Explainer)


@pytest.mark.parametrize("count", [0, 9])
def test_there_are_no_more_than_eight_explanations(count: int) -> None:
    with pytest.raises(ConfigError, match=f"count: {count} is not between 1 and 8"):
        BankExplainer(count)


def test_an_unknown_class_is_explained_by_its_name() -> None:
    assert BankExplainer(count=5).explain("flux_capacitor") == TemplateExplainer(5).explain("flux capacitor")


def test_the_bank_says_where_its_sentences_come_from() -> None:
    explainer = BankExplainer()
    assert isinstance(explainer, Attributing)
    assert explainer.origin("door_wood_knock") == {"by": "bank"}
    assert explainer.origin("flux capacitor") == {"by": "template"}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        *(("barks", "barking"), ("babies", "baby"), ("magpies", "magpie"), ("tapping", "tap"), ("drilling", "drill")),
        *(("hissing", "hiss"), ("sneezes", "sneezing"), ("buses", "bus"), ("waves", "wave"), ("glasses", "glass")),
    ],
)
def test_forms_of_a_word_are_one_word(one: str, other: str) -> None:
    assert keys_of(one) == keys_of(other)


@pytest.mark.parametrize(("one", "other"), [("ring", "r"), ("gas", "ga"), ("sing", "s"), ("hen", "hens and eggs")])
def test_different_words_stay_different(one: str, other: str) -> None:
    assert keys_of(one) != keys_of(other)


def test_a_name_in_words() -> None:
    assert spoken("Bass_drum--roll ") == "bass drum roll"
