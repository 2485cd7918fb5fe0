"""The error tree: what its docstring promises is what there is."""

import inspect
import re

import pytest

from mgcld import errors
from mgcld.errors import MgcldError, SourceError


def tree(parent: type[MgcldError] = MgcldError) -> dict[type[MgcldError], int]:
    """Every class of ours, and how deep it stands."""
    found = {parent: 0}
    for child in parent.__subclasses__():
        if child.__module__ == errors.__name__:
            found |= {cls: depth + 1 for cls, depth in tree(child).items()}
    return found


def test_the_docstring_draws_the_tree_that_exists() -> None:
    drawn = re.findall(r"(?m)^([ │├└─]*)([A-Z]\w+)", str(errors.__doc__).split("\n\n", 1)[1])
    assert {name: len(lines) // 4 for lines, name in drawn} == {cls.__name__: depth for cls, depth in tree().items()}


def test_nothing_else_in_the_module_is_an_error() -> None:
    defined = {value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)}
    assert defined == set(tree())


@pytest.mark.parametrize("cls", tree(), ids=lambda cls: cls.__name__)
def test_an_error_says_what_is_wrong_what_to_do_and_how_to_exit(cls: type[MgcldError]) -> None:
    error = cls("it broke", help="mend it")
    assert (str(error), error.help) == ("it broke", "mend it")
    assert 0 < cls.exit_code < 126, "from 126 on a shell means something else"
    assert inspect.getdoc(cls)


def test_families_that_a_script_tells_apart_have_their_own_exit_codes() -> None:
    codes = [cls.exit_code for cls, depth in tree().items() if depth <= 1]
    assert len(set(codes)) == len(codes)


def test_a_usage_error_of_the_command_line_is_none_of_ours() -> None:
    assert 2 not in {cls.exit_code for cls in tree()}


@pytest.mark.parametrize("reason", errors.REASONS)
def test_a_source_s_error_carries_its_reason(reason: errors.Reason) -> None:
    assert SourceError("gone", reason=reason, help="").reason == reason
