"""The report for machines: plain values, everything that the page shows but its pictures."""

from dataclasses import asdict
from typing import Any

from mgcld.names import UNKNOWN
from mgcld.training.reporting.alarms import FalseAlarms
from mgcld.training.reporting.records import ClassReport, PartWorth, Share
from mgcld.training.reporting.report import Report


def summary(report: Report) -> dict[str, Any]:
    """As the adapter keeps it: without single shots and windows."""
    whole = as_plain(report)
    for alarms in whole["false_alarms"]:
        del alarms["highest"], alarms["moments"]
    return {key: value for key, value in whole.items() if key not in ("shots", "confusion")}


def as_plain(report: Report) -> dict[str, Any]:
    """As `mgcld train --json` prints it."""
    names = [row.name for row in report.classes]
    return {
        **asdict(report.made),
        "accuracy": report.share.value,
        "interval": report.share.interval,
        "background_shots": report.background_shots,
        "classes": [_class(row) for row in report.classes],
        "confused": [{**asdict(pair), "hint": pair.hint} for pair in report.confused],
        "confusion": {"classes": names, "answers": [*names, UNKNOWN], "counts": report.confusion},
        "among_classes": _share(report.among_classes),
        "in_place": _share(report.in_place),
        "parts": [_part(part) for part in report.parts],
        "false_alarms": [_alarms(alarms) for alarms in report.alarms],
        "skipped": [{"path": str(item.path), "why": item.why} for item in report.skipped],
        "advice": list(report.advice),
        "suspects": [shot.path for shot in report.suspects],
        "shots": [asdict(shot) for shot in report.shots],
    }


def _class(row: ClassReport) -> dict[str, Any]:
    threshold = {
        "value": row.threshold.value,
        "fitted": row.threshold.fitted,
        "heard": _share(row.threshold.heard),
        "wrong": _share(row.threshold.wrong),
    }
    plain = {**asdict(row), "threshold": threshold, "parts": [_part(part) for part in row.parts]}
    return {**plain, "accuracy": row.share.value, "interval": row.share.interval}


def _part(part: PartWorth) -> dict[str, Any]:
    return {"part": part.part, "lead": part.lead, "alone": _share(part.alone), "without": _share(part.without)}


def _share(share: Share) -> dict[str, Any]:
    return {"right": share.right, "asked": share.asked, "share": share.value, "interval": share.interval}


def _alarms(alarms: FalseAlarms) -> dict[str, Any]:
    def rate(count: int) -> dict[str, Any]:
        return {"windows": count, "per_hour": alarms.per_hour(count), "interval": alarms.interval(count)}

    rates = {name: rate(count) for name, count in alarms.counts.items()}
    return {**asdict(alarms), "hours": alarms.hours, "classes": rates, "any": rate(alarms.any)}
