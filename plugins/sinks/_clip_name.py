"""Where the clip of an event lies: names that people chose, classes above all, as names of files.

A class can be called `../../etc`, `CON`, 4 KB of anything, or be written from right to left. What is left here are
ASCII letters, digits, `-`, `.`, `%` and `~`, few enough of them, and different for different names. Names that differ
by their capitals alone do not meet on disks that know none: each clip's name holds the event's id.
"""

import re
from datetime import UTC, datetime
from pathlib import PurePosixPath
from urllib.parse import quote

from mgcld.data import NANOSECONDS

from ._names import cut

MOST_CHARACTERS = 80
"""A longer name is cut, and ends in its hash."""
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com\d|lpt\d)(\..*)?")
"""Devices on shares of Windows."""
STAMPED = re.compile(r"(\d{8}T\d{6}\.\d{3}Z)_.+\.flac")
"""The clips in a folder, among other files."""
LAST_SECOND = 253_402_300_799
"""Of the year 9999."""


def as_file_name(name: str) -> str:
    """The name, or what stands for it: `_` is left to what joins names."""
    encoded = quote(name, safe="", errors="surrogatepass").replace("_", "%5F").replace("~", "%7E") or "%"
    if encoded[0] in ".-" or RESERVED.fullmatch(encoded):
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if encoded.endswith("."):
        encoded = f"{encoded[:-1]}%2E"
    return cut(encoded, name, MOST_CHARACTERS)


def clip_path(source: str, name: str, id: str, start_ns: int, part: int) -> PurePosixPath:
    """`<source>/<day>/<UTC time>_<class>_<id>.flac` in the folder of clips; the second part ends in `_2`."""
    seconds, rest = divmod(start_ns, NANOSECONDS)
    began = datetime.fromtimestamp(min(max(seconds, 0), LAST_SECOND), UTC)
    stamp = f"{began:%Y%m%dT%H%M%S}.{rest // 1_000_000:03}Z"
    number = "" if part == 1 else f"_{part}"
    file = f"{stamp}_{as_file_name(name)}_{as_file_name(id)}{number}.flac"
    return PurePosixPath(as_file_name(source), f"{began:%Y-%m-%d}", file)


def stamped_at(file_name: str) -> float | None:
    """When a clip of that name began (seconds since the Unix epoch); None of what is no clip."""
    match = STAMPED.fullmatch(file_name)
    try:
        return None if match is None else datetime.strptime(f"{match[1][:-1]}+0000", "%Y%m%dT%H%M%S.%f%z").timestamp()
    except ValueError:
        return None
