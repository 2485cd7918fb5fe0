"""What explainers say of classes, and what the log says of it."""

import logging

import pytest
from mgcld_plugins.explainers.bank import BankExplainer
from mgcld_plugins.explainers.template import TemplateExplainer

from mgcld.training.sentences import sentences_about


def test_every_class_has_its_sentences_and_one_line_tells_of_those_known_by_name_only(
    caplog: pytest.LogCaptureFixture,
) -> None:
    unknown = [f"thing {number}" for number in range(50)]
    with caplog.at_level(logging.INFO):
        said = sentences_about(["dog", *unknown], BankExplainer(3))
    assert list(said) == ["dog", *unknown]
    assert said["dog"] == tuple(BankExplainer(3).explain("dog"))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("explanations: of 50 classes only the name is used: 'thing 0', 'thing 1', ")
    assert "'thing 4', ...;" in line


@pytest.mark.parametrize("explainer", [BankExplainer(), TemplateExplainer()])
def test_nothing_is_told_where_the_names_alone_were_wanted_or_more_is_known(
    explainer: BankExplainer | TemplateExplainer, caplog: pytest.LogCaptureFixture
) -> None:
    sentences_about(["dog", "rain"], explainer)
    assert caplog.records == []
