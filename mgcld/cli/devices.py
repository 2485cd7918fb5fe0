"""`mgcld devices`: which microphones there are."""

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mgcld import registry


def devices() -> None:
    """List the microphones that PortAudio offers."""
    found = registry.load("source", "microphone").devices()
    table = Table(box=None, pad_edge=False)
    for title in ("index", "name", "host API", "channels", "Hz", ""):
        table.add_column(title)
    for device in found:
        default = "default" if device.is_default else ""
        cells = (device.index, device.name, device.host_api, device.channels, round(device.sample_rate), default)
        table.add_row(*(escape(str(cell)) for cell in cells))
    console = Console()
    console.print(table if found else "no microphone is connected")
    if found:
        console.print("\nuse one with: --source mic=microphone:<a part of its name>", highlight=False)
