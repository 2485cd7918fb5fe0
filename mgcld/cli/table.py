"""The live view: a table with one row a source in a terminal, one line a window anywhere else."""

import sys
import textwrap
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
LATE_SECONDS = 15.0
"""A spool that holds so much sound is worth a word; less is that of windows that are not complete."""
ALARM = "bold reverse red"
"""Seen without colours, too."""
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
    told: tuple[str, str | None] | None = None
    """The condition that was last said in a line."""


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
            row.health, row.drops = message.body, message.body["drops"]
            condition = line.condition(message.body)
            if condition is not None and condition != row.told:
                row.told = condition
                return line.state(_name(message), message.body)
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
    drawn.caption, drawn.caption_justify, drawn.caption_style = _load(node) if node else None, "left", "dim"
    for name in ("source", "window", "level", "hears", "unknown"):
        drawn.add_column(name, width=hears if name == "hears" else narrow, no_wrap=True)
    lines = line.TOP + (meta.get("captioner") is not None)
    lines = lines if 4 + bool(line.alarms(node)) + (lines + 1) * len(rows) <= height else 1
    drawn.leading = int(lines > 1)
    for source, row in sorted(rows.items()):
        cells = [_source(source, row), *_heard(row, meta, narrow, hears, lines)]
        drawn.add_row(*(Text("\n").join(cell[:lines]) for cell in cells))
    return drawn


def _load(node: Mapping[str, Any]) -> Text:
    alarms = line.alarms(node)
    return Text.assemble((alarms, ALARM), "\n" if alarms else "", line.load(node))


def _source(source: str, row: Row) -> list[Text]:
    state = row.health.get("state", "live")
    colour = STATES.get(state, "red")
    alarm = row.health.get("alarm_since_ns")
    name = Text.assemble(("● ", colour), (line.printable(source), "bold" if alarm is None else ALARM))
    return [name, Text(state, colour), Text("" if alarm is None else f"ALARM {line.hour(alarm)}", ALARM)]


def _heard(row: Row, meta: Mapping[str, Any], narrow: int, hears: int, lines: int) -> list[list[Text]]:
    live = row.health.get("state", "live") == "live"
    best = _classes(row.body, meta, hears) if row.header and live else []
    if row.health.get("hint") or not live:  # what is wrong stands in the classes' place, but for the first
        best = best[: min(1, lines - 1)]
        best += _trouble(row.health, hears, lines - len(best))
    if not row.header:
        return [[], [], best]
    unknown = row.body["unknown"]
    last = [_window(row), _level(row, narrow), [_percent(unknown), _bar(unknown, narrow, "yellow")]]
    for text in (text for cell in last for text in cell if not live):
        text.stylize("dim")
    return [last[0], last[1], best, last[2]]


def _trouble(health: Mapping[str, Any], width: int, lines: int) -> list[Text]:
    """Why a source does not sound, when it is tried again, and what can be done, in so many lines of this width."""
    live = health["state"] == "live"
    first = [] if live else [text for text in (health["reason"], line.retry(health)) if text]
    texts = [", ".join(first)] if first else []
    hint = line.printable(health["hint"] or "")
    if len(texts) < lines:
        texts += textwrap.wrap(hint, width, max_lines=lines - len(texts), placeholder="…")
    return [Text(text, "yellow" if live else "") for text in texts]


def _window(row: Row) -> list[Text]:
    dropped = Text(f"{row.drops} dropped" if row.drops else "", "red")
    behind = row.health.get("backlog_seconds") or 0.0
    late = Text(f"{behind:.0f} s late", "yellow") if behind >= LATE_SECONDS else Text(line.latency(row.header))
    return [Text(line.clock(row.header["t_start_ns"])), late, dropped]


def _level(row: Row, width: int) -> list[Text]:
    header, since = row.header, row.health.get("silent_since_ns")
    dbfs = header["level_dbfs"]
    if dbfs is None and since is not None:
        return [Text(line.level(dbfs)), Text(f"since {line.hour(since)}", "yellow"), _flags(header)]
    loudness = 0.0 if dbfs is None else 1 - dbfs / QUIETEST_DBFS
    return [Text(line.level(dbfs)), _bar(loudness, width, "cyan"), _flags(header)]


def _flags(header: Mapping[str, Any]) -> Text:
    return Text(" ".join(header["flags"]), "yellow")


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
