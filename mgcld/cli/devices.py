"""`mgcld devices`: which microphones there are."""

from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mgcld import registry


def devices() -> None:
    """List the microphones, each with the name that always means it."""
    microphones = registry.load("source", "microphone")
    found = microphones.devices()
    table = Table(box=None, pad_edge=False)
    table.add_column("write", overflow="fold")  # a name that is cut short is of no use
    for title in ("what it is", "through", "channels", "Hz", ""):
        table.add_column(title)
    for each in found:
        rates = _few(microphones.rates(each))
        default = "default" if each.is_default else ""
        cells = (each.stable, each.title, each.through, each.channels, rates, default)
        table.add_row(*(escape(str(cell)) for cell in cells))
    console = Console()
    console.print(table if found else "no microphone is connected")
    if found:
        console.print("\nuse one with: --source mic=microphone:<what the first column says>", highlight=False)


def _few(rates: Sequence[int]) -> str:
    """All of few, the least and the greatest of many."""
    return " ".join(map(str, rates)) if len(rates) <= 3 else f"{rates[0]}…{rates[-1]}"
