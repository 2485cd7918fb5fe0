"""The live view: a table with one row a source in a terminal, one line a window anywhere else."""

import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from mgcld.cli import line
from mgcld.data import Message

REDRAWS_PER_SECOND = 4
WIDEST = 120
QUIETEST_DBFS = -60.0
"""Where the level's bar begins; it ends at full scale."""
STATES = {"live": "green", "connecting": "yellow", "ended": "dim"}


@dataclass(slots=True)
class Row:
    """What is known of one source."""

    header: Mapping[str, Any] = field(default_factory=dict)
    """Of the newest `prob`, like `body`; empty before the first."""
    body: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    drops: int = 0
    """Windows thrown away so far."""


class LiveTable:
    """A sink that draws `prob`, `health` and `meta`."""

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
        elif message.kind == "health":
            row = self._row(message)
            before, row.health, row.drops = row.health.get("state"), message.body, message.body["drops"]
            return line.state(_name(message), message.body) if before != message.body["state"] else None
        return None

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
    drawn.caption, drawn.caption_justify, drawn.caption_style = line.load(node) if node else None, "left", "dim"
    for name in ("source", "window", "level", "hears", "unknown"):
        drawn.add_column(name, width=hears if name == "hears" else narrow, no_wrap=True)
    lines = line.TOP + (meta.get("captioner") is not None)
    lines = lines if 4 + (lines + 1) * len(rows) <= height else 1
    drawn.leading = int(lines > 1)
    for source, row in sorted(rows.items()):
        cells = [_source(source, row), *_heard(row, meta, narrow, hears)]
        style = "" if row.health.get("state", "live") == "live" else "dim"
        drawn.add_row(*(Text("\n").join(cell[:lines]) for cell in cells), style=style)
    return drawn


def _source(source: str, row: Row) -> list[Text]:
    state = row.health.get("state", "live")
    colour = STATES.get(state, "red")
    name = Text.assemble(("● ", colour), (line.printable(source), "bold"))
    return [name, Text(state, colour), Text(row.health.get("reason") or "", colour)]


def _heard(row: Row, meta: Mapping[str, Any], narrow: int, hears: int) -> list[list[Text]]:
    if not row.header:
        return []
    unknown = row.body["unknown"]
    classes = _classes(row.body, meta, hears)
    return [_window(row), _level(row.header, narrow), classes, [_percent(unknown), _bar(unknown, narrow, "yellow")]]


def _window(row: Row) -> list[Text]:
    return [Text(line.clock(row.header["t_start_ns"])), Text(line.latency(row.header)), Text(_missing(row), "red")]


def _missing(row: Row) -> str:
    """Windows without a spool; sound with one."""
    lost = row.health.get("lost_seconds", 0.0)
    return f"{row.drops} dropped" if row.drops else f"{lost:.1f} s lost" if lost else ""


def _level(header: Mapping[str, Any], width: int) -> list[Text]:
    dbfs = header["level_dbfs"]
    loudness = 0.0 if dbfs is None else 1 - dbfs / QUIETEST_DBFS
    return [Text(line.level(dbfs)), _bar(loudness, width, "cyan"), Text(" ".join(header["flags"]), "yellow")]


def _classes(body: Mapping[str, Any], meta: Mapping[str, Any], width: int) -> list[Text]:
    """The most probable ones; green from its threshold on, for what counts as heard."""
    tops = line.classes(body)[: line.TOP]
    names = [line.printable(name) for name in meta.get("classes", ())]
    thresholds = dict(zip(names, meta.get("thresholds", ()), strict=False))
    longest = min(max(map(cell_len, [*names, *(name for name, _ in tops)]), default=0), width // 2)
    texts = []
    for name, p in tops:
        heard = p >= thresholds.get(name, 0.5)
        text = Text(name, "bold green" if heard else "")
        text.truncate(longest, overflow="ellipsis", pad=True)
        bar = _bar(p, width - longest - 6, "green" if heard else "blue")
        texts.append(Text.assemble(text, " ", bar, " ", _percent(p)))
    missing = [Text()] * (line.TOP - len(texts))
    caption = Text(
        line.printable(body.get("caption") or ""), "italic" if body.get("caption_fresh", True) else "dim italic"
    )
    return [*texts, *missing, caption]


def _bar(fraction: float, width: int, colour: str) -> Text:
    return Text(line.bar(fraction, width), colour)


def _percent(p: float) -> Text:
    return Text(f"{p:4.0%}")
