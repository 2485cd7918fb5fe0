"""Messages as text for people: times, levels, bars, and one line a window for logs and pipes."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from mgcld.names import printable as printable  # names come from folders and other machines

EIGHTHS = " ▏▎▍▌▋▊▉█"
TOP = 3
NAMED = 3
"""More sources in alarm, and more open events, are counted."""
OVER = {
    "gap": "sound is missing",
    "source_lost": "its source is lost",
    "source_ended": "its source has ended",
    "paused": "its source is paused",
    "removed": "it left the configuration",
    "adapter": "another adapter judges now",
    "shutdown": "mgcld stops",
}
"""Why an event ended, where the class did not just get quiet."""


def bar(fraction: float, width: int) -> str:
    """A bar of `width` characters, filled to this fraction, in steps of an eighth of a character."""
    eighths = round(8 * width * min(1.0, max(0.0, fraction)))
    whole, rest = divmod(eighths, 8)
    return (EIGHTHS[8] * whole + EIGHTHS[rest])[:width].ljust(width)


def clock(nanoseconds: int) -> str:
    """Local time of day."""
    return f"{datetime.fromtimestamp(nanoseconds / 1e9):%H:%M:%S}"


def hour(nanoseconds: int) -> str:
    """Local time of day, where there is little room."""
    return f"{datetime.fromtimestamp(nanoseconds / 1e9):%H:%M}"


def duration(seconds: float) -> str:
    """As exact as a person wants it."""
    if seconds < 600:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def level(dbfs: float | None) -> str:
    """Digital silence has no level."""
    return "silence" if dbfs is None else f"{dbfs:.1f} dBFS"


def latency(header: Mapping[str, Any]) -> str:
    """From the end of the window to its probabilities, all stages together."""
    return f"{sum(header['latency_ms'].values()):.0f} ms"


def classes(body: Mapping[str, Any]) -> Sequence[tuple[str, float]]:
    """(class, probability), most probable first, without `unknown`."""
    return [(printable(name), p) for name, p in body["top"] if name != "unknown"]


def notes(header: Mapping[str, Any]) -> list[str]:
    """What else a reader should know about this window; a gap of unknown length is one, too."""
    dropped, gap = header["dropped_windows"], header["gap_samples"]
    counted = [f"{dropped} dropped"] if dropped else []
    return [*header["flags"], *counted, *(["gap"] if gap != 0 else [])]


def window(header: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    """One line for one `prob`: time, source, level, the top classes, unknown, latency, notes, caption."""
    tops = [f"{name} {p:.2f}" for name, p in classes(body)[:TOP]]
    facts = [f"{clock(header['t_start_ns'])} {printable(header['source'])}", level(header["level_dbfs"]), *tops]
    facts += [f"unknown {body['unknown']:.2f}", latency(header), *notes(header)]
    return "  ".join([*facts, *caption(body)])


def event(source: str, body: Mapping[str, Any]) -> str:
    """One line for an event that begins, goes on or is over; the threshold stands beside the probability."""
    name, p = printable(body["class"]), f"p {body['p_max']:.2f}"
    if body["phase"] != "end":
        said = "BEGINS" if body["phase"] == "start" else "goes on"
        return f"{clock(body['t_on_ns'])} {printable(source)}  {name} {said}  {p} (from {body['threshold_on']:.2f})"
    lasted, reason = (body["t_off_ns"] - body["t_on_ns"]) / 1e9, body["reason"]
    why = "" if reason == "quiet" else f": {OVER.get(reason, printable(str(reason)))}"
    return f"{clock(body['t_off_ns'])} {printable(source)}  {name} is over after {duration(lasted)}{why}  {p} at most"


def events(opened: Sequence[tuple[str, Mapping[str, Any]]]) -> str:
    """Which (source, event) are open and since when; empty where none is."""
    texts = [
        f"{printable(body['class'])} at {printable(source)} since {clock(body['t_on_ns'])}" for source, body in opened
    ]
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"heard now: {', '.join(texts[:NAMED])}{more}" if texts else ""


def caption(body: Mapping[str, Any]) -> list[str]:
    """In quotes, with a word where it was written for an earlier window; empty without one."""
    if not body.get("caption"):
        return []
    return [f'"{printable(body["caption"])}"' + ("" if body.get("caption_fresh", True) else " (earlier)")]


def condition(body: Mapping[str, Any]) -> tuple[str, str | None] | None:
    """What people want to be told of a source when it changes; None while it is only tried again.

    A source that comes and goes is one alarm: what it does meanwhile is no news.
    """
    if body.get("alarm_since_ns") is not None:
        return "alarm", None
    if body["state"] == "connecting" and body["reason"]:
        return None
    return body["state"], body["hint"] if body["state"] == "live" else body["reason"]


def state(source: str, body: Mapping[str, Any]) -> str:
    """One line for the state of a source: the reason, what can be done, and when it is tried again."""
    facts = f"{clock(body['since_ns'])} {printable(source)} "
    alarm = body.get("alarm_since_ns")
    if alarm is not None:
        facts += f"ALARM, no lasting sound since {clock(alarm)}: it "
    return f"{facts}is {body['state']}" + "".join(why(body))


def why(body: Mapping[str, Any]) -> list[str]:
    """Behind the state, if there is anything to say."""
    texts = [printable(text) for text in (body["reason"], body["hint"]) if text and text != body["state"]]
    again = retry(body)
    return [": ", "; ".join([*texts, *([again] if again else [])])] if texts or again else []


def retry(body: Mapping[str, Any]) -> str:
    """When it is tried again; empty where it need not be."""
    if body.get("next_retry_ns") is not None:
        return f"next try at {clock(body['next_retry_ns'])}"
    return "tried again now" if body["state"] == "connecting" and body["reason"] else ""


def models(meta: Mapping[str, Any]) -> str:
    """What runs there, from `meta`."""
    count = len(meta["classes"])
    return (
        f"mgcld {meta['mgcld']} · {meta['encoder']} · {count} {'class' if count == 1 else 'classes'} · "
        f"{meta['window_seconds']:g} s windows, every {meta['hop_seconds']:g} s"
    )


def load(node: Mapping[str, Any]) -> str:
    """How busy the daemon is, from its `health`."""
    factor, memory = node["realtime_factor"], f"{node['rss_bytes'] / 1e6:.0f} MB"
    busy = [] if factor is None else [f"real-time factor {factor:.2f}"]
    skipped = node.get("skipped_captions", 0)
    facts = [*busy, f"{node['windows_per_s']:.1f} windows/s", f"{node['queue_depth']} waiting", memory]
    behind = [] if node.get("keeping_up", True) else ["CANNOT KEEP UP"]
    return " · ".join([*behind, *facts, *([f"{skipped} captions skipped"] if skipped else [])])


def alarms(node: Mapping[str, Any]) -> str:
    """Which sources are in alarm, from the daemon's `health`; empty where none is."""
    names = [printable(name) for name in node.get("alarms", ())]
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return f"ALARM: {', '.join(names[:NAMED])}{more}" if names else ""
