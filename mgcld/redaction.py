"""Texts without what is secret in their addresses: the one rule for logs, errors, statuses and a child's stderr."""

import re

_BEGINS = re.compile(r":\\?/\\?/")  # JSON may write :\/\/
_RUN = re.compile(r"\S*")
_HOST = r"(?:\[[^\]\s]*\]|[^\s:/?#\\]*)(?::\d{0,5})?"
_HOST_ENDS = re.compile(_HOST + r"[/?#\\]")
_CLOSING = "\"'`)]}>,.:"
_PLAIN = re.compile(_HOST + rf"(?:[/?#\\]|[{re.escape(_CLOSING)}]*$)")
_SECRET = re.compile(r"[?#=;]|%(?:3[bdf]|23)", re.IGNORECASE)


def redacted(text: str) -> str:
    """The text, and of every address in it only scheme, host, port and path.

    No user, no password, no query, and no path from the first `=` or `;` on: cheap cameras take the password there
    (`/user=admin_password=...`). Where nobody can tell the host from a password with special characters the whole
    address is hidden. What is hidden shows as `…`, but for a user and a password, which go without a trace. Takes time
    in proportion to the text, whatever it holds.
    """
    return "\n".join(_line(line) for line in text.split("\n")) if "/" in text else text


def _line(line: str) -> str:
    shown, at, last = [], 0, line.rfind("@")
    for begins in _BEGINS.finditer(line):
        if begins.start() < at:
            continue
        end = _end(line, begins.end(), last)
        shown += [line[at : begins.end()], _address(line[begins.end() : end])]
        at = end
    return "".join(shown) + line[at:]


def _end(line: str, start: int, last: int) -> int:
    """Where an address ends: at a blank, or behind an `@` further on where its host has not ended before the blank."""
    run = _run_end(line, start)
    known = last < run or line.find("@", start, run) >= 0 or _HOST_ENDS.match(line, start, run)
    return run if known else _run_end(line, last)


def _run_end(line: str, start: int) -> int:
    run = _RUN.match(line, start)
    return run.end() if run else start


def _address(run: str) -> str:
    """What may be shown of `[user:password@]host[:port]/path` and what follows it without a blank."""
    user, _, rest = run.rpartition("@")
    if re.search(r"[\s/?#\\]", user) or not _PLAIN.match(rest):
        return "…"
    path, *secret = _SECRET.split(rest, maxsplit=1)
    if not secret:
        return rest if user else run
    return f"{path}…{rest[len(rest.rstrip(_CLOSING)) :]}"
