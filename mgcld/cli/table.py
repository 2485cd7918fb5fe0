"""The live view: a table with one row a source in a terminal, one line a window anywhere else."""

import sys
import threading
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from rich import box
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mgcld.cli import line
from mgcld.cli.cells import ALARM, Row, about, heard
from mgcld.data import Message

REDRAWS_PER_SECOND = 4
WIDEST = 120


class LiveTable:
    """A sink that draws `prob`, `event`, `health` and `meta`."""

    def __init__(self, console: Console | None = None) -> None:
        """Draw on this console, or on standard output; nothing before the first message."""
        self.console = console or Console()
        self._rows: dict[str, Row] = {}
        self._meta: Mapping[str, Any] = {}
        self._node: Mapping[str, Any] = {}
        self._lock = threading.Lock()
        self._live: Live | None = None

    def take(self, message: Message) -> None:
        """Show it: with the next redraw in a terminal, at once as a line elsewhere."""
        with self._lock:
            text = self._remember(message)
        if not self.console.is_terminal or self.console.is_dumb_terminal:
            if text is not None:
                self.console.out(text, highlight=False)
        elif self._live is None:
            self._live = self._started()

    def forget(self) -> None:
        """Another daemon speaks now, which may have other sources."""
        with self._lock:
            self._rows.clear()

    def close(self) -> None:
        """Leave the last state on the screen."""
        if self._live is not None:
            self._live.stop()
            self._live = None

    def _started(self) -> Live:
        live = Live(
            console=self.console,
            get_renderable=self._draw,
            refresh_per_second=REDRAWS_PER_SECOND,
            redirect_stderr=sys.stderr.isatty(),  # a log on the same terminal goes above the table, `2>file` stays
        )
        live.start()
        return live

    def _remember(self, message: Message) -> str | None:
        """Keep what is new, and say it in a line where it deserves one."""
        if message.kind == "meta":
            self._meta = message.body
        elif message.topic.endswith("/health/node/"):
            self._node = message.body
        elif message.kind == "prob":
            row = self._row(message)
            row.header, row.body = message.header, message.body
            row.drops += message.header["dropped_windows"]
            return line.window(message.header, message.body)
        elif message.kind == "event":
            return self._happened(message)
        elif message.kind == "health":
            row = self._row(message)
            row.health, row.drops = message.body, message.body["drops"]
            condition = line.condition(message.body)
            if condition is not None and condition != row.told:
                row.told = condition
                return line.state(_name(message), message.body)
        return None

    def _happened(self, message: Message) -> str | None:
        """An event goes on in silence, unless it had begun before we listened."""
        events, body = self._row(message).events, message.body
        before = events.pop(body["class"], None)
        if body["phase"] != "end":
            events[body["class"]] = body
        known = before is not None and before["id"] == body["id"]
        return None if known and body["phase"] != "end" else line.event(_name(message), body)

    def _row(self, message: Message) -> Row:
        return self._rows.setdefault(_name(message), Row())

    def _draw(self) -> Table:
        with self._lock:
            return table(self._rows, self._meta, self._node, self.console.width, self.console.height)


def _name(message: Message) -> str:
    return unquote(message.topic.split("/")[3])


def table(rows: Mapping[str, Row], meta: Mapping[str, Any], node: Mapping[str, Any], width: int, height: int) -> Table:
    """The table in so many columns; one line a source where all do not fit the height."""
    width = min(width, WIDEST)
    narrow = 11 if width < 100 else 14
    hears = max(narrow, width - 4 * narrow - 4)
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0, width=width)
    drawn.title, drawn.title_justify, drawn.title_style = line.models(meta) if meta else None, "left", "dim"
    below = _below(rows, node, width)
    drawn.caption, drawn.caption_justify, drawn.caption_style = below, "left", "dim"
    for name in ("source", "window", "level", "hears", "unknown"):
        drawn.add_column(name, width=hears if name == "hears" else narrow, no_wrap=True)
    lines = line.TOP + (meta.get("captioner") is not None)
    lines = lines if 3 + len(below.plain.splitlines()) + (lines + 1) * len(rows) <= height else 1
    drawn.leading = int(lines > 1)
    for source, row in sorted(rows.items()):
        cells = [about(source, row), *heard(row, meta, narrow, hears, lines)]
        drawn.add_row(*(Text("\n").join(cell[:lines]) for cell in cells))
    return drawn


def _below(rows: Mapping[str, Row], node: Mapping[str, Any], width: int) -> Text:
    """What is heard now, what is in alarm, and how busy the daemon is: a line each, where there is anything to say."""
    opened = [(source, body) for source, row in rows.items() for body in row.events.values()]
    opened.sort(key=lambda event: (event[0], event[1]["id"]))
    heard = Text(line.events(opened), "bold green")
    heard.truncate(width, overflow="ellipsis")
    texts = [heard, Text(line.alarms(node), ALARM), Text(line.load(node) if node else "")]
    return Text("\n").join(text for text in texts if text)
