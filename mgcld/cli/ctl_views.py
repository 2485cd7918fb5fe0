"""What a running mgcld has answered, drawn for people."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mgcld.cli import line
from mgcld.cli.cells import ALARM, STATES

Answer = Mapping[str, Any]


def status(answer: Answer) -> RenderableType:
    """Does it work, on what, how fast; what is wrong; what is heard right now."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(style="dim")
    drawn.add_column(overflow="fold")
    drawn.add_row("state", _state(answer))
    drawn.add_row("node", f"{_said(answer['node'])}, up since {_when(answer['started_ns'])}")
    drawn.add_row("bus", _said(answer["endpoint"]))
    drawn.add_row("model", _said(_model(answer)))
    drawn.add_row("load", line.load(answer))
    counts = [Text(f"{count} {_said(state)}", _colour(state)) for state, count in answer["sources"].items() if count]
    drawn.add_row("sources", Text(", ").join(counts))
    if alarms := line.alarms(answer):
        drawn.add_row("", Text(alarms, ALARM))
    if answer["dropped_messages"]:
        drawn.add_row(
            "", Text(f"{answer['dropped_messages']} messages dropped: subscribers or sinks are slow", "yellow")
        )
    for name, troubles in answer["sinks"].items():
        drawn.add_row("sink", Text(f"{_said(name)}: {_troubles(troubles)}", "yellow"))
    for event in answer["events"]:
        drawn.add_row("heard", Text(_event(event), "bold green"))
    return drawn


def sources(answer: Answer) -> RenderableType:
    """One row a source; below the table what is wrong at which, and what to do."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), pad_edge=False)
    for title in ("source", "state", "since", "level"):
        drawn.add_column(title, overflow="fold")
    for title in ("restarts", "gaps", "dropped"):
        drawn.add_column(title, justify="right")
    for name, health in answer["sources"].items():
        drawn.add_row(*_source(name, health))
    return Group(drawn, *(why for name, health in answer["sources"].items() for why in _why(name, health)))


def classes(answer: Answer) -> RenderableType:
    """The classes in the order of `p`."""
    drawn = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1), pad_edge=False)
    drawn.add_column("class", overflow="fold")
    drawn.add_column("heard from", justify="right")
    for name, threshold in zip(answer["classes"], answer["thresholds"], strict=True):
        drawn.add_row(_said(name), f"{threshold:.3f}")
    drawn.caption, drawn.caption_justify = (
        f"of adapter {_said(answer['adapter'])}; rules of events may say otherwise",
        "left",
    )
    return drawn


def reload(answer: Answer) -> RenderableType:
    """What is different now, and what will be after a restart."""
    changed, later = _several(answer["changed"]), _several(answer["restart_needed"])
    texts = [Text(f"changed: {changed}" if changed else "nothing has changed", "green" if changed else "")]
    if later:
        texts.append(Text(f"needs a restart: {later}", "yellow"))
    return Group(*texts)


def swap(answer: Answer) -> RenderableType:
    """Which adapter judges now."""
    return Text(f"adapter {_said(answer['adapter'])} judges now: {_several(answer['classes'])}", "green")


def said(text: str) -> Callable[[Answer], RenderableType]:
    """The same sentence, whatever comes with it."""
    return lambda _: Text(_said(text), "green")


def _state(answer: Answer) -> Text:
    if answer["stuck"]:
        return Text(f"stuck: its loop has not turned for {answer['turned_seconds']:.0f} s", ALARM)
    return Text("ready", "green") if answer["ready"] else Text("not ready: it starts, or stops", "yellow")


def _model(answer: Answer) -> str:
    captions = f" · captions by {answer['captioner']}" if answer["captioner"] else ""
    models = line.models({**answer, "classes": range(answer["classes"])})
    return f"{models} · adapter {answer['adapter']}{captions}"


def _event(event: Answer) -> str:
    since = line.clock(event["t_on_ns"])
    return f"{_said(event['class'])} at {_said(event['source'])} since {since}, at most {event['p_max']:.0%}"


def _source(name: str, health: Answer) -> Iterator[Text]:
    alarm = health["alarm_since_ns"]
    colour = _colour(health["state"])
    yield Text(_said(name), "bold" if alarm is None else ALARM)
    yield Text(_said(health["state"]), colour)
    yield Text(_when(health["since_ns"]))
    yield Text(line.level(health["level_dbfs"]) if health["bytes_per_s"] or health["level_dbfs"] is not None else "-")
    for count in ("restarts", "gaps", "drops"):
        yield Text(str(health[count]), "yellow" if health[count] and count != "restarts" else "")


def _why(name: str, health: Answer) -> Iterator[Text]:
    """What is wrong at a source; nothing where all is well."""
    alarm = health["alarm_since_ns"]
    reasons = "".join(line.why(health)).removeprefix(": ")
    texts = [
        *([f"no lasting sound since {_when(alarm)}"] if alarm is not None else []),
        *([reasons] if reasons else []),
    ]
    if texts:
        yield Text.assemble((f"{_said(name)}: ", "bold"), ("; ".join(texts), _colour(health["state"])))


def _colour(state: str) -> str:
    return {**STATES, "paused": "dim"}.get(state, "red")


def _when(nanoseconds: int) -> str:
    """Local time; with the day where it was another one."""
    then = datetime.fromtimestamp(nanoseconds / 1e9)
    return f"{then:%H:%M:%S}" if then.date() == datetime.now().date() else f"{then:%d %b %H:%M}"


def _several(names: Sequence[Any]) -> str:
    return ", ".join(map(_said, names))


def _troubles(of_sink: Mapping[str, Any]) -> str:
    return ", ".join(_said(value if what == "reason" else f"{value} {what}") for what, value in of_sink.items())


def _said(text: object) -> str:
    return line.printable(str(text))
