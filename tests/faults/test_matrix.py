"""The fault matrix: what happens to a source, to its neighbour and to the process, at each thing that can go wrong.

Each row is a scenario of real processes on loopback (rows_*.py), which makes its own assertions: state and reason
within the time that was promised, sound back within the time that was promised, every window before and after bit for
bit that of an undisturbed run, not one lost by the healthy source beside it, descriptors, threads, processes and memory
back where they were. `-k ROW` plays one alone.
"""

import pytest
from matrix import Matrix
from row import ROWS
from stage import Result
from tabling import table

LONGEST_FIRST = sorted(ROWS.values(), key=lambda row: -row.seconds)
"""The longest is waited for first; then the others are there."""


def system(needs: tuple[str, ...]) -> list[pytest.MarkDecorator]:
    return [pytest.mark.system(name) for name in needs]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("row", [pytest.param(row.name, marks=system(row.needs)) for row in LONGEST_FIRST])
def test_a_source_survives(row: str, matrix: Matrix) -> None:
    result = matrix.result(row, timeout=590)
    assert result.failure is None, f"{result.failure}\n{matrix.logs[row][-4000:]}"
    assert "secret" not in matrix.logs[row]


def test_the_table_names_the_fault_and_what_it_cost() -> None:
    rows = [
        Result("a", "Pulled", detected=11.04, back=1.26, silence=13.0, lost=26, reasons=["ended", "timeout"]),
        Result("b", "Quiet"),
        Result("c", "Dead", detected=0.5, reasons=["dns"], alarm=30.2, note="it was well after all"),
        Result("d", "Odd", failure="assert 1 == 2"),
    ]
    _, _, *lines = table(rows).splitlines()
    assert lines == [
        "| Pulled | 11.0 s | 1.3 s | 13.0 s | 26 | `ended`, `timeout` |",
        "| Quiet | - | - | - | 0 | - |",
        "| Dead | 0.5 s | - | - | 0 | `dns`; alarm after 30.2 s; it was well after all |",
        "| Odd | FAILED |  |  |  |  |",
    ]
