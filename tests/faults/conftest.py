"""All rows that are asked for begin when the session does, in processes of their own; their tests wait for results."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from matrix import Matrix, table
from row import ROWS

TABLE = "MGCLD_FAULT_TABLE"
"""A file, if this is set, that the table is written to."""
PLAYED: list[Matrix] = []


def pytest_collection_finish(session: pytest.Session) -> None:
    """Start what is selected and not skipped."""
    wanted = [
        item.callspec.params["row"]
        for item in session.items
        if isinstance(item, pytest.Function) and hasattr(item, "callspec") and "row" in item.callspec.params
        if not any(item.iter_markers("skip"))
    ]
    if wanted and not session.config.option.collectonly:
        PLAYED.append(Matrix(ROWS[name] for name in wanted))
        PLAYED[0].start()


def pytest_sessionfinish() -> None:
    for matrix in PLAYED:
        matrix.close()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for matrix in PLAYED:
        done = table(matrix.results[name] for name in ROWS if name in matrix.results)
        terminalreporter.section("faults")
        terminalreporter.write(done)
        if TABLE in os.environ:
            Path(os.environ[TABLE]).write_text(done)


@pytest.fixture(scope="session")
def matrix() -> Iterator[Matrix]:
    yield PLAYED[0]
