"""Progress on stderr, one bar a stage."""

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn


@contextlib.contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Yields what is to be told (stage, how much is done, of how much).

    It is drawn when it is told: no thread draws beside the work, so that the work may fork.
    """
    columns = (TextColumn("{task.description:<10}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, auto_refresh=False) as progress:
        tasks: dict[str, TaskID] = {}

        def show_stage(stage: str, done: int, of: int) -> None:
            if stage not in tasks or progress.tasks[tasks[stage]].total != of:
                tasks[stage] = progress.add_task(stage, total=of)
            progress.update(tasks[stage], completed=done, refresh=True)

        yield show_stage
