"""Plays all rows that are asked for at once, in processes of their own; their tests wait for the results."""

import os
from pathlib import Path

import pytest
from matrix import Matrix
from row import ROWS
from tabling import table

TABLE = "MGCLD_FAULT_TABLE"
"""A file, if this is set, that the table is written to."""
PLAYED: list[Matrix] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begin before any test; but one of several processes cannot know yet which tests it gets."""
    if rows_of(session) and not session.config.option.collectonly and "PYTEST_XDIST_WORKER" not in os.environ:
        begin(session)


def pytest_sessionfinish() -> None:
    for matrix in PLAYED:
        matrix.close()
        if TABLE in os.environ:
            Path(os.environ[TABLE]).write_text(table(matrix.results[name] for name in ROWS if name in matrix.results))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for matrix in PLAYED:
        terminalreporter.section("faults")
        terminalreporter.write(table(matrix.results[name] for name in ROWS if name in matrix.results))


@pytest.fixture(scope="session")
def matrix(request: pytest.FixtureRequest) -> Matrix:
    return PLAYED[0] if PLAYED else begin(request.session)


def begin(session: pytest.Session) -> Matrix:
    PLAYED.append(Matrix(ROWS[name] for name in rows_of(session)))
    PLAYED[0].start()
    return PLAYED[0]


def rows_of(session: pytest.Session) -> list[str]:
    """The rows whose tests are selected and not skipped."""
    return [
        item.callspec.params["row"]
        for item in session.items
        if isinstance(item, pytest.Function) and {"matrix", "row"} <= {*item.fixturenames} and hasattr(item, "callspec")
        if not any(item.iter_markers("skip"))
    ]
