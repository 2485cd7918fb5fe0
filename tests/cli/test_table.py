"""The live view: what a person reads in a terminal, in a log, in a pipe."""

import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from children import Terminal
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from mgcld.cli import line
from mgcld.cli.table import LiveTable
from mgcld.data import EndReason, Event, Message, Phase, SourceStatus, State
from mgcld.interfaces import Sink
from mgcld.service import wire

NOON = 1_700_000_000_000_000_000
MINUTE = 60_000_000_000
CLASSES = ["siren", "clock", "a very long name for a class", "rain"]
COLOUR = re.compile(r"\x1b\[(\d+;)*(3[0-8]|9[0-7])[;m]")
STYLE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
HERE = Path(__file__).parent
LOGGING = """
import sys
from mgcld.cli.table import LiveTable
from test_table import prob
if len(sys.argv) > 1:
    sys.stderr = open(sys.argv[1], "w")
view = LiveTable()
view.take(prob())
print("a fact", file=sys.stderr)
view.close()
"""
DRAWING = """
import time
from mgcld.cli.table import LiveTable
from test_table import prob
view = LiveTable()
began = time.monotonic()
for number in range(200):
    view.take(prob(top=[("siren", number / 200)]))
    time.sleep(0.005)
view.close()
print(f"took {time.monotonic() - began:.3f}")
"""


def prob(source: str = "kitchen", top: Sequence[tuple[str, float]] = (("siren", 0.9),), **more: Any) -> Message:
    header = {
        "source": source,
        "t_start_ns": NOON,
        "dropped_windows": 0,
        "gap_samples": 0,
        "flags": [],
        "level_dbfs": -23.44,
        "latency_ms": {"queue": 1.5, "encode": 30.0, "adapt": 10.0},
        **more,
    }
    unknown = 1 - sum(p for _, p in top)
    body = {"p": [], "unknown": unknown, "top": [*map(list, top), ["unknown", unknown]]}
    return Message("prob", wire.topic("prob", source), header, body)


def with_caption(message: Message, caption: str) -> Message:
    return Message(message.kind, message.topic, message.header, {**message.body, "caption": caption})


def health(state: State = "live", source: str = "kitchen", **more: Any) -> Message:
    return wire.source_health(SourceStatus(source, state, NOON, **more))


def meta(thresholds: Sequence[float] = (0.5, 0.5, 0.5, 0.5), captioner: str | None = "tags") -> Message:
    return wire.meta(wire.Meta(CLASSES, thresholds, "mini", captioner, "0a1b", 5.0, 2.5, "1.2.3"))


def event(
    phase: Phase = "start",
    name: str = "siren",
    source: str = "kitchen",
    lasted: float = 5,
    reason: EndReason | None = None,
    id: str = "01",
) -> Message:
    heard_ns = NOON + round(lasted * 1e9)
    record = Event(
        id, source, name, phase, NOON, heard_ns, 0.934, 0.8, 1, 0.71, 0.4, "adc", 0, "0a1b", reason or quiet_at(phase)
    )
    return wire.event(record)


def quiet_at(phase: Phase) -> EndReason | None:
    return "quiet" if phase == "end" else None


def node(*alarms: str) -> Message:
    return wire.node_health(wire.NodeStatus(0.12, 2, 0.4, 512_000_000, None, {"live": 1}, alarms=alarms))


def test_a_caption_of_an_earlier_window_is_told_as_such() -> None:
    heard = with_caption(prob(), "a siren wails")
    assert line.window(heard.header, heard.body).endswith('"a siren wails"')
    assert line.window(heard.header, {**heard.body, "caption_fresh": True}).endswith('"a siren wails"')
    assert line.window(heard.header, {**heard.body, "caption_fresh": False}).endswith('"a siren wails" (earlier)')
    assert "earlier" not in line.window(prob().header, {**prob().body, "caption_fresh": False})


def test_skipped_captions_are_told_where_there_are_any() -> None:
    assert "captions" not in line.load(node().body)
    assert line.load({**node().body, "skipped_captions": 7}).endswith(" · 7 captions skipped")
    older = {name: value for name, value in node().body.items() if name != "skipped_captions"}
    assert line.load(older) == line.load(node().body)


def drawn(
    *messages: Message, width: int = 80, height: int = 40, terminal: bool = True, environ: dict[str, str] | None = None
) -> str:
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=terminal,
        color_system="256",
        _environ=environ or {},
    )
    view = LiveTable(console)
    try:
        for message in messages:
            view.take(message)
    finally:
        view.close()
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def screen(*messages: Message, **options: Any) -> str:
    """What stands on the screen in the end, without styles."""
    text = STYLE.sub("", drawn(*messages, **options)).replace("\r", "")
    return text[text.rindex("source ") :] if "source " in text else text


def test_the_sources_of_a_daemon_that_is_gone_are_forgotten() -> None:
    out = io.StringIO()
    view = LiveTable(Console(file=out, width=80, height=40, force_terminal=True, _environ={}))
    view.take(prob("attic"))
    view.forget()
    view.take(prob("kitchen"))
    view.close()
    last = STYLE.sub("", out.getvalue()).rpartition("source ")[2]
    assert "kitchen" in last
    assert "attic" not in last


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_the_table_shows_everything_in_any_width(width: int) -> None:
    messages = [
        meta(),
        node(),
        with_caption(
            prob(top=[("siren", 0.61), ("rain", 0.2), (CLASSES[2], 0.1)], flags=["clipped"]), "the sound of rain"
        ),
        health(drops=3),
    ]
    shown = screen(*messages, width=width)
    for fact in (
        "kitchen",
        "live",
        line.clock(NOON),
        "42 ms",
        "3 dropped",
        "-23.4 dBFS",
        "clipped",
        "siren",
        "61%",
        "9%",
    ):
        assert fact in shown, fact
    assert "real-time factor 0.12 · 0.4 windows/s · 2 waiting · 512 MB" in shown
    assert max(len(text) for text in shown.splitlines()) <= width
    assert ("the sound of rain" in shown) == (width >= 80)


def test_a_terminal_tells_what_runs_there() -> None:
    assert "mgcld 1.2.3 · mini · 4 classes · 5 s windows, every 2.5 s" in STYLE.sub("", drawn(meta()))


def test_there_is_one_row_a_source_with_its_newest_window() -> None:
    shown = screen(prob("attic"), prob("cellar"), prob("attic", [("clock", 0.8)]))
    assert shown.count("attic") == shown.count("cellar") == 1
    assert "clock" in shown


def test_sources_that_do_not_fit_get_one_line_each() -> None:
    sources = [f"mic{number:02}" for number in range(12)]
    shown = screen(*(prob(source) for source in sources), height=24)
    assert [text.split()[1] for text in shown.splitlines() if "mic" in text] == sources
    assert len(shown.splitlines()) < 24


def test_a_source_that_never_sounded_shows_its_state_and_why() -> None:
    shown = screen(health("absent", reason="absent", hint="plug it in"))
    assert "● kitchen" in shown
    assert shown.count("absent") == 2


def test_drops_add_up_until_the_daemon_says_better() -> None:
    assert "5 dropped" in screen(prob(dropped_windows=2), prob(dropped_windows=3))
    assert "9 dropped" in screen(prob(dropped_windows=2), health(drops=9))


def test_sound_that_a_spool_lost_is_told() -> None:
    assert "12.3 s lost" in screen(prob(), health(lost_seconds=12.34, backlog_seconds=7.0))
    assert "lost" not in screen(prob(), health(backlog_seconds=7.0))


def test_a_class_is_green_from_its_own_threshold_on() -> None:
    green = "\x1b[1;32m"
    quiet = prob(top=[("siren", 0.6)])
    assert green + "siren" in drawn(meta((0.5, 0.5, 0.5, 0.5)), quiet)
    assert green + "siren" not in drawn(meta((0.7, 0.5, 0.5, 0.5)), quiet)


def test_no_color_is_respected() -> None:
    messages = [meta(), prob(), health(), node()]
    assert COLOUR.search(drawn(*messages))
    assert not COLOUR.search(drawn(*messages, environ={"NO_COLOR": "1"}))


@pytest.mark.parametrize("environ", [{}, {"TERM": "dumb"}])
def test_elsewhere_each_window_is_one_plain_line(environ: dict[str, str]) -> None:
    tops = [("siren", 0.5), ("clock", 0.25), ("rain", 0.125), (CLASSES[2], 0.0625)]
    text = drawn(meta(), node(), prob(top=tops), terminal=bool(environ), environ=environ)
    assert text == (f"{line.clock(NOON)} kitchen  -23.4 dBFS  siren 0.50  clock 0.25  rain 0.12  unknown 0.06  42 ms\n")


@pytest.mark.parametrize("lost", [100, None])
def test_a_plain_line_says_what_else_one_should_know(lost: int | None) -> None:
    message = with_caption(prob(flags=["clipped", "late"], dropped_windows=2, gap_samples=lost), "the sound of rain")
    text = drawn(message, terminal=False, width=40)
    assert text.endswith('42 ms  clipped  late  2 dropped  gap  "the sound of rain"\n')
    assert text.count("\n") == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_digital_silence_is_no_level(terminal: bool) -> None:
    text = drawn(prob(level_dbfs=None), terminal=terminal)
    assert "silence" in text
    assert "dBFS" not in text


def test_a_change_of_state_is_a_plain_line_and_the_same_state_again_is_none() -> None:
    lost = health("lost", reason="timeout", hint="is the camera on?")
    retry = health("connecting", reason="timeout", hint="is the camera on?")
    text = drawn(health(), health(), lost, retry, lost, retry, health(), terminal=False)
    assert text.splitlines() == [
        f"{line.clock(NOON)} kitchen is live",
        f"{line.clock(NOON)} kitchen is lost: timeout; is the camera on?",
        f"{line.clock(NOON)} kitchen is live",
    ]


def test_a_line_says_when_a_source_is_tried_again() -> None:
    absent = health("absent", reason="absent", hint="plug it in", next_retry_ns=NOON + MINUTE)
    again = line.clock(NOON + MINUTE)
    assert drawn(absent, terminal=False) == f"{line.clock(NOON)} kitchen is absent: plug it in; next try at {again}\n"


def test_a_source_that_comes_and_goes_is_one_alarm_and_its_end_is_told() -> None:
    lost = health("lost", reason="ended", alarm_since_ns=NOON - MINUTE)
    back = health("live", alarm_since_ns=NOON - MINUTE)
    since = line.clock(NOON - MINUTE)
    text = drawn(health(), lost, back, lost, back, lost, back, health(), terminal=False)
    assert text.splitlines() == [
        f"{line.clock(NOON)} kitchen is live",
        f"{line.clock(NOON)} kitchen ALARM, no lasting sound since {since}: it is lost: ended",
        f"{line.clock(NOON)} kitchen is live",
    ]


def test_what_is_wrong_with_a_live_source_is_a_line_once_and_so_is_its_end() -> None:
    mute = health(hint="is it muted?", silent_since_ns=NOON)
    text = drawn(health(), mute, mute, health(), health(), terminal=False)
    assert [told.partition("kitchen ")[2] for told in text.splitlines()] == [
        "is live",
        "is live: is it muted?",
        "is live",
    ]


@pytest.mark.parametrize("width", [80, 120])
def test_a_source_that_is_not_live_shows_why_and_what_to_do_and_when_in_place_of_its_classes(width: int) -> None:
    hint = "check user and password in the URL; write special characters as %40 (@), %3A (:), %2F (/)"
    shown = screen(prob(), health("lost", reason="auth", hint=hint, next_retry_ns=NOON + MINUTE), width=width)
    assert f"auth, next try at {line.clock(NOON + MINUTE)}" in shown
    assert "siren" not in shown
    assert max(len(text) for text in shown.splitlines()) <= width
    assert "check user and password" in shown
    assert ("%40" in shown) == (width == 120)
    assert ("…" in shown) == (width == 80)


def test_a_recording_that_has_ended_keeps_its_last_classes() -> None:
    assert "siren" in screen(prob(), health("ended"))


def test_while_it_is_tried_again_the_reason_stays() -> None:
    assert "refused, tried again now" in screen(health("connecting", reason="refused", hint="is it on?"))
    assert "tried" not in screen(health("connecting"))


def test_an_alarm_is_seen_at_the_source_and_below_the_table_without_colours_too() -> None:
    lost = health("lost", "garden", reason="timeout", alarm_since_ns=NOON - MINUTE)
    for environ in ({}, {"NO_COLOR": "1"}):
        text = drawn(health(), lost, node("garden"), environ=environ)
        assert re.search(r"\x1b\[1;7[;\d]*mgarden", text)
    shown = screen(health(), lost, node("garden"))
    assert f"ALARM {line.hour(NOON - MINUTE)}" in shown
    assert "ALARM: garden\n" in re.sub(" +\n", "\n", shown)
    assert "ALARM" not in screen(health(), node())


def test_a_source_whose_sound_waits_on_disk_says_how_much() -> None:
    assert "90 s late" in screen(prob(), health(backlog_seconds=90.4))
    assert "late" not in screen(prob(), health(backlog_seconds=6.0))
    assert "late" not in screen(prob(), health())


def test_elsewhere_the_start_and_the_end_of_an_event_are_a_line_each() -> None:
    text = drawn(event(), event("update", lasted=30), event("end", lasted=65), terminal=False)
    assert text.splitlines() == [
        f"{line.clock(NOON)} kitchen  siren BEGINS  p 0.93 (from 0.71)",
        f"{line.clock(NOON + MINUTE + 5_000_000_000)} kitchen  siren is over after 65 s  p 0.93 at most",
    ]


def test_a_long_event_is_told_in_minutes_or_hours() -> None:
    assert [line.duration(seconds) for seconds in (0.6, 599, 3599, 86_400)] == ["1 s", "599 s", "60 min", "24.0 h"]


def test_open_events_stand_in_the_order_of_their_beginning_however_often_they_are_told() -> None:
    first, second = event(id="01"), event(name="rain", id="02")
    again = event("update", id="01", lasted=30)
    assert "heard now: siren at kitchen since" in screen(meta(), prob(), first, second, again)


@pytest.mark.parametrize("reason", get_args(EndReason))
def test_a_line_says_why_an_event_is_over_unless_it_is_just_quiet(reason: EndReason) -> None:
    text = drawn(event("end", reason=reason), terminal=False)
    if reason == "quiet":
        assert "is over after 5 s  p" in text
    else:
        assert f"is over after 5 s: {line.OVER[reason]}  p" in text


def test_an_event_that_had_begun_before_somebody_listens_is_told_once() -> None:
    text = drawn(event("update", lasted=30), event("update", lasted=35), terminal=False)
    assert text == f"{line.clock(NOON)} kitchen  siren goes on  p 0.93 (from 0.71)\n"
    assert drawn(event(), event(), event(id="02"), terminal=False).count("BEGINS") == 2


def test_a_class_with_an_open_event_is_marked_and_told_below_the_table_without_colours_too() -> None:
    for environ in ({}, {"NO_COLOR": "1"}):
        mark = re.compile(r"\x1b\[1;7[;\d]*msiren")
        assert mark.search(drawn(meta(), prob(), event(), environ=environ))
        assert not mark.search(drawn(meta(), prob(), event("end"), environ=environ))
    messages = [meta(), prob(), event(), node(), event("update", lasted=30)]
    assert f"heard now: siren at kitchen since {line.clock(NOON)}" in screen(*messages)
    assert "heard now" not in screen(*messages, event("end", lasted=65))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_open_events_take_one_line_however_many_there_are(width: int) -> None:
    events = [event(name=f"a class with a name of some length {number}", id=str(number)) for number in range(5)]
    shown = screen(meta(), prob(), node(), *events, width=width)
    assert max(len(text) for text in shown.splitlines()) <= width
    (told,) = [text for text in shown.splitlines() if "some length" in text]
    assert told.startswith("heard now: a class with a name of some length 0 at kitchen")
    assert line.events([("kitchen", message.body) for message in events]).endswith(" and 2 more")


def test_many_alarms_are_counted() -> None:
    assert line.alarms(node(*"abcde").body) == "ALARM: a, b, c and 2 more"
    older = {name: value for name, value in node().body.items() if name != "alarms"}
    assert line.alarms(older) == ""


@pytest.mark.parametrize("height", [40, 8])
def test_a_live_source_that_is_digitally_silent_says_so_in_every_height(height: int) -> None:
    hint = "all that comes is digital silence: is it muted?"
    mute = health(hint=hint, silent_since_ns=NOON - MINUTE)
    shown = screen(prob(level_dbfs=None, flags=["silent"]), mute, prob("attic"), height=height)
    assert "all that comes is digital" in shown
    assert ("is it muted?" in " ".join(shown.split())) == (height == 40)
    assert (f"since {line.hour(NOON - MINUTE)}" in shown) == (height == 40)


@pytest.mark.parametrize("terminal", [True, False])
def test_no_name_steers_the_terminal(terminal: bool) -> None:
    evil = "\x1b[2J\r\n\x07[red]"
    messages = [
        with_caption(prob(evil, [(evil, 0.9)]), evil),
        health("lost", evil, hint=evil),
        event("start", evil, evil),
    ]
    text = drawn(*messages, terminal=terminal)
    assert "\x1b[2J" not in text
    assert "\x07" not in text
    assert "[red]" in text


@settings(deadline=None)
@given(st.floats(allow_nan=False), st.integers(1, 50))
def test_a_bar_has_its_width_whatever_it_shows(fraction: float, width: int) -> None:
    assert len(line.bar(fraction, width)) == width


def test_a_bar_grows_by_eighths() -> None:
    bars = [line.bar(eighth / 16, 2) for eighth in range(17)]
    assert bars[0] == "  "
    assert bars[3] == "▍ "
    assert bars[8] == "█ "
    assert bars[16] == "██"
    assert len({*bars}) == 17


def test_a_table_is_a_sink() -> None:
    view = LiveTable(Console(file=io.StringIO()))
    assert isinstance(view, Sink)
    view.close()


def test_a_real_terminal_is_redrawn_a_few_times_a_second() -> None:
    with Terminal(DRAWING, environment={"PYTHONPATH": f"{HERE}:{HERE.parent}"}) as terminal:
        assert terminal.wait() == 0, terminal.seen
    seconds = float(terminal.seen.rpartition("took ")[2])
    assert 2 <= terminal.seen.count("window ") <= 4 * seconds + 4
    assert "siren" in terminal.seen


def test_a_log_keeps_its_own_file_and_one_on_the_terminal_goes_above_the_table(tmp_path: Path) -> None:
    environment = {"PYTHONPATH": f"{HERE}:{HERE.parent}"}
    with Terminal(LOGGING, environment=environment) as terminal:
        assert terminal.wait() == 0, terminal.seen
    assert STYLE.sub("", terminal.seen).index("a fact") < STYLE.sub("", terminal.seen).rindex("kitchen")
    log = tmp_path / "log"
    with Terminal(LOGGING, str(log), environment=environment) as terminal:
        assert terminal.wait() == 0, terminal.seen
    assert "a fact" not in terminal.seen
    assert log.read_text() == "a fact\n"
