"""The measured matrix, as it stands in the README."""

from collections.abc import Iterable

from stage import Result

HEAD = ("fault", "noticed after", "sound back after", "sound lost", "windows lost", "reason")


def table(results: Iterable[Result]) -> str:
    """Markdown: of each fault how soon it was noticed, how soon after its end sound came again, and what was lost."""
    rows = [HEAD, tuple("---" for _ in HEAD), *(_cells(result) for result in results)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in rows) + "\n"


def _cells(result: Result) -> tuple[str, ...]:
    if result.failure is not None:
        return (result.title, "FAILED", "", "", "", "")
    return (
        result.title,
        _seconds(result.detected),
        _seconds(result.back),
        _seconds(result.silence or None),
        str(result.lost),
        _why(result) or "-",
    )


def _why(result: Result) -> str:
    reasons = ", ".join(f"`{reason}`" for reason in result.reasons)
    alarm = f"alarm after {_seconds(result.alarm)}" if result.alarm is not None else ""
    return "; ".join(part for part in (reasons, alarm, result.note) if part)


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f} s"
