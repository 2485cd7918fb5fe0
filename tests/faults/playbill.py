"""The rows of the matrix, by name."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from stage import Result

Play = Callable[[Path], Result]


@dataclass(frozen=True, slots=True)
class Row:
    """One fault."""

    name: str
    title: str
    """As it stands in the table."""
    play: Play
    """Plays it in a folder of its own, and measures."""
    seconds: float
    """About so long it takes."""
    needs: tuple[str, ...]
    """System packages, as tests/conftest.py names them."""
    beside: bool = False
    """It takes as long as all others together: it does not wait for its turn."""
    environment: dict[str, str] = field(default_factory=dict)
    """Of its process; `{folder}` stands for its folder, `{here}` for this one, `{path}` for PYTHONPATH."""


ROWS: dict[str, Row] = {}


def row(seconds: float, *needs: str, beside: bool = False, **environment: str) -> Callable[[Play], Play]:
    """Puts a function into the matrix; its title is its docstring's first line."""

    def enter(play: Play) -> Play:
        title = (play.__doc__ or "").partition("\n")[0].rstrip(".")
        ROWS[play.__name__] = Row(play.__name__, title, play, seconds, needs, beside, environment)
        return play

    return enter
