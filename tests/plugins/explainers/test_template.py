import pytest
from hypothesis import given
from hypothesis import strategies as st
from mgcld_plugins.explainers.template import TemplateExplainer

from mgcld.interfaces import Explainer


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("dog", "dog"),
        ("Dog_bark", "dog bark"),
        ("far-away  Siren", "far away siren"),
        ("_Türklingel_", "türklingel"),
        ("{} {0}", "{} {0}"),
    ],
)
def test_eight_sentences_name_the_class_in_words(name: str, words: str) -> None:
    explainer = TemplateExplainer()
    assert isinstance(explainer, Explainer)
    sentences = explainer.explain(name)
    assert len(sentences) == len(set(sentences)) == 8
    assert all(words in sentence for sentence in sentences)
    assert words in sentences


@given(name=st.text(min_size=1))
def test_any_name_has_eight_different_sentences(name: str) -> None:
    assert len(set(TemplateExplainer().explain(name))) == 8
