"""What `mgcld check` has found, for people and for scripts."""

from collections.abc import Iterable, Sequence
from typing import Any

from mgcld.errors import SourceError
from mgcld.redaction import redacted
from mgcld.service.findings import Finding

KINDS = ("source", "adapter", "encoder", "events", "captioner", "inference", "publish", "http", "spool", "sink")
"""In the order in which they are told."""


def exit_code(found: Sequence[Finding]) -> int:
    """That of the first error; 0 without one."""
    return next((finding.error.exit_code for finding in found if finding.error is not None), 0)


def waited_for(sources: Iterable[str], found: Sequence[Finding]) -> str:
    """What is still to come."""
    kinds = {finding.kind for finding in found}
    left = [name for name in sources if name not in {finding.name for finding in found if finding.kind == "source"}]
    if "publish" not in kinds:
        return "binding the address"
    return f"listening to {', '.join(left)}" if left else "trying the model"


def plain(found: Sequence[Finding]) -> dict[str, Any]:
    """All of it as JSON: sources and sinks by name, the rest by kind."""
    said: dict[str, Any] = {"ok": exit_code(found) == 0, "exit_code": exit_code(found), "sources": {}}
    for finding in found:
        if finding.kind in ("source", "sink"):
            said.setdefault(f"{finding.kind}s", {})[finding.name] = _plain(finding)
        else:
            said[finding.kind] = _plain(finding)
    return said


def _plain(finding: Finding) -> dict[str, Any]:
    error = finding.error
    said = {
        "state": finding.state,
        "reason": error.reason if isinstance(error, SourceError) else None,
        "error": redacted(str(error)) if error else None,
        "help": (redacted(error.help) or None) if error else None,
        "warnings": [redacted(text) for text in finding.warnings],
    }
    return {**said, **{name: fact for name, fact in finding.facts.items() if name not in said}}
