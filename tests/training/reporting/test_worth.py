"""What each part is worth."""

from dataclasses import fields, replace

import pytest
import torch
from reports import answers

from mgcld.model.options import MGCL_PLUS
from mgcld.model.parts import Parts, total
from mgcld.training.reporting.answers import Answers
from mgcld.training.reporting.worth import among_classes, given, worth

QUERIES, CLASSES = 7, 3


def random_answers() -> Answers:
    random = torch.Generator().manual_seed(3)
    parts = Parts(*(torch.rand(QUERIES, CLASSES, generator=random) for _ in fields(Parts)))
    truth = torch.arange(QUERIES) % CLASSES
    p = torch.rand(QUERIES, CLASSES + 1, generator=random)
    return Answers(torch.arange(QUERIES), truth, p, torch.rand(QUERIES, CLASSES), parts, MGCL_PLUS, QUERIES)


def test_the_parts_leads_add_up_to_the_whole_lead() -> None:
    asked = random_answers()
    logits = total(asked.parts, asked.options)
    own = logits.gather(1, asked.truth[:, None])[:, 0]
    rival = logits.scatter(1, asked.truth[:, None], -torch.inf).amax(1)
    every = worth(asked, torch.ones(QUERIES, dtype=torch.bool))
    assert sum(part.lead for part in every) == pytest.approx(float((own - rival).mean()), abs=1e-5)


def test_alone_and_without_are_counted_by_the_method_s_own_sum() -> None:
    asked = random_answers()
    mine = asked.truth == 1
    coarse = worth(asked, mine)[0]
    assert coarse.part == "coarse_cache"
    assert coarse.alone.right == int((asked.parts.coarse_cache.argmax(1) == asked.truth)[mine].sum())
    silenced = Parts(0 * asked.parts.coarse_cache, *(getattr(asked.parts, f.name) for f in fields(Parts)[1:]))
    right = total(silenced, asked.options).argmax(1) == asked.truth
    assert (coarse.without.right, coarse.without.asked) == (int(right[mine].sum()), int(mine.sum()))


def test_one_class_alone_or_no_query_has_no_parts() -> None:
    alone = answers([0, 0], [[0.9], [0.8]])
    assert worth(alone, torch.ones(2, dtype=torch.bool)) == ()
    assert worth(random_answers(), torch.zeros(QUERIES, dtype=torch.bool)) == ()


def test_among_the_classes_unknown_does_not_count() -> None:
    asked = answers([0, 1], [[0.9, 0.1], [0.8, 0.3]], [[0.1, 0.0, 0.9], [0.0, 0.1, 0.9]])
    assert (among_classes(asked).right, among_classes(asked).asked) == (1, 2)


def test_what_was_asked_in_the_place_is_told_from_what_was_recorded() -> None:
    asked = answers(
        [0, 1, 0, 1],
        [[0.9, 0.1], [0.2, 0.8]] * 2,
        [[0.9, 0.1, 0.0], [0.0, 0.8, 0.2], [0.2, 0.1, 0.7], [0.0, 0.9, 0.1]],
    )
    both = replace(asked, recordings=2)
    assert both.as_recorded.shots.tolist() == [0, 1]
    assert both.in_place.shots.tolist() == [2, 3]
    assert torch.equal(both.in_place.p, asked.p[2:])
    assert torch.equal(both.in_place.parts.fine_cache, asked.parts.fine_cache[2:])
    assert [(share.right, share.asked) for share in map(given, (both.as_recorded, both.in_place))] == [(2, 2), (1, 2)]
    assert given(asked.in_place).asked == 0
