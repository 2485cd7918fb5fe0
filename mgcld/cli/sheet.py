"""What `mgcld check` has found, drawn for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from rich import box
from rich.cells import cell_len
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mgcld.cli.line import printable
from mgcld.cli.verdict import exit_code
from mgcld.errors import SourceError
from mgcld.redaction import redacted
from mgcld.service.findings import Finding

STYLES = {"ok": "green", "warning": "yellow", "error": "bold red", "skipped": "dim"}
STATES = {"ok": "ok", "warning": "warn", "error": "error", "skipped": "-"}
TITLES = ("", "source", "codec", "Hz", "ch", "dBFS", "peak", "clock", "age", "first")
"""`age`: how old sound is when it comes; `first`: from the opening to the first sound."""
NUMBERS = frozenset({"Hz", "ch", "dBFS", "peak", "age", "first"})
MIN_NAME = 8
CLASSES = 8
"""More of an adapter's classes are counted."""


def sheet(found: Sequence[Finding], width: int) -> RenderableType:
    """A table of the sources, what is wrong with them, the rest line by line, and the verdict."""
    sources = [finding for finding in found if finding.kind == "source"]
    others = [finding for finding in found if finding.kind != "source"]
    parts: list[RenderableType] = [
        _table(sources, width),
        *_troubles(sources),
        Text(),
        _lines(others),
        *_troubles(others),
        Text(),
        _verdict(found),
    ]
    return Group(*parts)


def _table(sources: Sequence[Finding], width: int) -> Table:
    """The columns after the name are as wide as they must be; the name takes what it needs of the rest."""
    cells = [list(_cells(finding)) for finding in sources]
    widths = [max(map(cell_len, column)) for column in zip(TITLES, *cells, strict=True)]
    widths[1] = max(MIN_NAME, min(widths[1], width - sum(widths) + widths[1] - len(widths)))
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    for title, size in zip(TITLES, widths, strict=True):
        justify: Literal["left", "right"] = "right" if title in NUMBERS else "left"
        drawn.add_column(title, justify=justify, no_wrap=True, overflow="ellipsis", width=size)
    for finding, texts in zip(sources, cells, strict=True):
        state, name, *rest = map(Text, texts)
        state.stylize(STYLES[finding.state])
        name.stylize("bold")
        drawn.add_row(state, name, *rest)
    return drawn


def _cells(finding: Finding) -> Iterator[str]:
    facts, heard = finding.facts, finding.facts.get("first_sound_seconds") is not None
    yield STATES[finding.state]
    yield printable(finding.name)
    yield printable(str(facts.get("codec") or "-"))
    yield str(facts.get("sample_rate") or "-")
    yield str(facts.get("channels") or "-")
    yield _dbfs(facts["level_dbfs"]) if heard else "-"
    yield _dbfs(facts["peak_dbfs"]) if heard else "-"
    yield f"{facts['clock']} {_uncertainty(facts['clock_uncertainty_ns'])}".strip() if heard else "-"
    yield _duration(facts.get("age_seconds"))
    yield _duration(facts.get("first_sound_seconds"))


def _dbfs(level: float | None) -> str:
    return "silence" if level is None else f"{level:.1f}"


def _uncertainty(nanoseconds: int) -> str:
    return f"±{_duration(nanoseconds / 1e9)}" if nanoseconds else ""


def _duration(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return f"{1000 * seconds:.0f} ms" if abs(seconds) < 1 else f"{round(seconds, 1):g} s"


def _troubles(found: Sequence[Finding]) -> Iterator[Text]:
    """In full, below: where, what, and what to do."""
    for finding in found:
        name = printable(finding.name or finding.kind)
        if finding.error is not None:
            reason = f" ({finding.error.reason})" if isinstance(finding.error, SourceError) else ""
            yield Text.assemble((f"{name}{reason}: ", STYLES["error"]), _shown(str(finding.error)))
            if finding.error.help:
                yield Text.assemble(("  help: ", "yellow"), _shown(finding.error.help))
        for warning in finding.warnings:
            yield Text.assemble((f"{name}: ", STYLES["warning"]), _shown(warning))


def _shown(text: str) -> str:
    """Without credentials, and nothing in it steers the terminal; a message may have several lines."""
    return "\n".join(printable(line) for line in redacted(text).split("\n"))


def _lines(others: Sequence[Finding]) -> Table:
    drawn = Table.grid(padding=(0, 2, 0, 0))
    drawn.add_column(no_wrap=True)
    drawn.add_column(no_wrap=True)
    drawn.add_column()
    for finding in others:
        name = f"{finding.kind} {printable(finding.name)}".strip()
        said = f"not tried: it needs {finding.needs}" if finding.needs else SAYS[finding.kind](finding.facts)
        drawn.add_row(Text(STATES[finding.state], STYLES[finding.state]), Text(name, "bold"), Text(_shown(said)))
    return drawn


def _adapter(facts: Mapping[str, Any]) -> str:
    classes = facts.get("classes")
    if classes is None:
        return str(facts.get("path", "-"))
    more = [f"and {len(classes) - CLASSES} more"] if len(classes) > CLASSES else []
    named = ", ".join([*classes[:CLASSES], *more])
    return f"{facts['path']} ({facts['adapter']}), {len(classes)} classes: {named}; {facts['seconds']:.1f} s"


def _encoder(facts: Mapping[str, Any]) -> str:
    if "encoder" not in facts:
        return "-"
    return f"{facts['encoder']} on {facts['device']}, {facts['sample_rate']} Hz; {facts['seconds']:.1f} s"


def _captioner(facts: Mapping[str, Any]) -> str:
    return f"{facts['by']}; {facts['seconds']:.1f} s" if "by" in facts else "-"


def _inference(facts: Mapping[str, Any]) -> str:
    if "latency_ms" not in facts:
        return "-"
    return f"{facts['latency_ms']:.0f} ms a window (the first {facts['first_ms']:.0f} ms); busy {facts['busy']:.0%}"


def _publish(facts: Mapping[str, Any]) -> str:
    return str(facts.get("endpoint", "-"))


def _http(facts: Mapping[str, Any]) -> str:
    return str(facts.get("address", "-"))


def _events(facts: Mapping[str, Any]) -> str:
    return "the adapter has every class that rules are for" if facts else "-"


def _spool(facts: Mapping[str, Any]) -> str:
    if "folder" not in facts:
        return "-"
    return f"{facts['folder']}, at most {facts['most_bytes'] / 1e6:.0f} MB; {facts['free_bytes'] / 1e9:.1f} GB are free"


SAYS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "adapter": _adapter,
    "encoder": _encoder,
    "captioner": _captioner,
    "inference": _inference,
    "events": _events,
    "publish": _publish,
    "http": _http,
    "spool": _spool,
    "sink": lambda _: "",
}


def _verdict(found: Sequence[Finding]) -> Text:
    errors = sum(finding.state == "error" for finding in found)
    warnings = sum(finding.state == "warning" for finding in found)
    if errors:
        return Text(f"{errors} of {len(found)} checks failed; exit code {exit_code(found)}", STYLES["error"])
    counted = f"{warnings} warning{'s' if warnings > 1 else ''}"
    said = f"all will work; {counted}, see above" if warnings else "all is well"
    return Text(said, STYLES["warning" if warnings else "ok"])
