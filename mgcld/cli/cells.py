"""The cells of one source in the live table: texts, bars, and what is wrong."""

import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.cells import cell_len
from rich.text import Text

from mgcld.cli import line

QUIETEST_DBFS = -60.0
"""Where the level's bar begins; it ends at full scale."""
LATE_SECONDS = 15.0
"""A spool that holds so much sound is worth a word; less is that of windows that are not complete."""
ALARM = "bold reverse red"
"""Seen without colours, too."""
OPEN = "bold reverse green"
"""A class with an open event; seen without colours, too."""
STATES = {"live": "green", "connecting": "yellow", "paused": "yellow", "ended": "dim"}


@dataclass(slots=True)
class Row:
    """What is known of one source."""

    header: Mapping[str, Any] = field(default_factory=dict)
    """Of the newest `prob`, like `body`; empty before the first."""
    body: Mapping[str, Any] = field(default_factory=dict)
    health: Mapping[str, Any] = field(default_factory=dict)
    events: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """Class -> the newest body of its open event."""
    drops: int = 0
    """Windows thrown away so far."""
    told: tuple[str, str | None] | None = None
    """The condition that was last said in a line."""


def about(source: str, row: Row) -> list[Text]:
    """Its name, its state, and its alarm if there is one."""
    state = row.health.get("state", "live")
    colour = STATES.get(state, "red")
    alarm = row.health.get("alarm_since_ns")
    name = Text.assemble(("● ", colour), (line.printable(source), "bold" if alarm is None else ALARM))
    return [name, Text(state, colour), Text("" if alarm is None else f"ALARM {line.hour(alarm)}", ALARM)]


def heard(row: Row, meta: Mapping[str, Any], narrow: int, hears: int, lines: int) -> list[list[Text]]:
    """The cells beside its name, from the newest window, or why there is none."""
    live = row.health.get("state", "live") == "live"
    wrong = bool(row.health.get("reason") or row.health.get("hint"))
    best = _classes(row, meta, hears) if row.header and (live or not wrong) else []
    if wrong:  # that stands in the classes' place, but for the first of a live source
        best = best[: min(1, lines - 1)]
        best += _trouble(row.health, hears, lines - len(best))
    if not row.header:
        return [[], [], best]
    unknown = row.body["unknown"]
    last = [_window(row), _level(row, narrow), [_percent(unknown), _bar(unknown, narrow, "yellow")]]
    for text in (text for cell in (*last, best if not wrong else []) for text in cell if not live):
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
    dropped = Text(_missing(row), "red")
    behind = row.health.get("backlog_seconds") or 0.0
    late = Text(f"{behind:.0f} s late", "yellow") if behind >= LATE_SECONDS else Text(line.latency(row.header))
    return [Text(line.clock(row.header["t_start_ns"])), late, dropped]


def _missing(row: Row) -> str:
    """Windows without a spool; sound with one."""
    lost = row.health.get("lost_seconds", 0.0)
    return f"{row.drops} dropped" if row.drops else f"{lost:.1f} s lost" if lost else ""


def _level(row: Row, width: int) -> list[Text]:
    header, since = row.header, row.health.get("silent_since_ns")
    dbfs = header["level_dbfs"]
    if dbfs is None and since is not None:
        return [Text(line.level(dbfs)), Text(f"since {line.hour(since)}", "yellow"), _flags(header)]
    loudness = 0.0 if dbfs is None else 1 - dbfs / QUIETEST_DBFS
    return [Text(line.level(dbfs)), _bar(loudness, width, "cyan"), _flags(header)]


def _flags(header: Mapping[str, Any]) -> Text:
    return Text(" ".join(header["flags"]), "yellow")


def _classes(row: Row, meta: Mapping[str, Any], width: int) -> list[Text]:
    """The most probable ones; green from its threshold on, for what counts as heard; marked while an event is open."""
    body, opened = row.body, {line.printable(name) for name in row.events}
    tops = line.classes(body)[: line.TOP]
    names = [line.printable(name) for name in meta.get("classes", ())]
    thresholds = dict(zip(names, meta.get("thresholds", ()), strict=False))
    longest = min(max(map(cell_len, [*names, *(name for name, _ in tops)]), default=0), width // 2)
    texts = []
    for name, p in tops:
        heard = p >= thresholds.get(name, 0.5)
        text = Text(name, "bold green" if heard else "")
        if name in opened:
            text.stylize(OPEN)
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
