"""What a program prints, as whole lines: half an address is not known to be one, and would show its password."""

from collections import deque

from mgcld.redaction import redacted

LONGEST_BYTES = 4096
"""A line that is longer is passed over: nobody reads it, and nothing else bounds it."""
CHARACTERS = 500
KEPT = 5


class Lines:
    """Bytes in, as they come; lines out, without anything secret, each at most `CHARACTERS` long."""

    def __init__(self) -> None:
        self._begun = b""
        self._passing = False  # the present line is too long already
        self._last: deque[str] = deque(maxlen=KEPT)

    @property
    def last(self) -> str | None:
        """The last line that said something; one that was never ended counts, unless an address may be cut in it."""
        rest = "" if self._passing or b":/" in self._begun else _shown(self._begun)
        return rest or (self._last[-1] if self._last else None)

    def feed(self, data: bytes) -> list[str]:
        """The lines that these bytes complete; of very many at once the first and the last ones."""
        *ended, self._begun = (self._begun + data).split(b"\n")
        if ended and self._passing:
            ended, self._passing = ended[1:], False
        if len(self._begun) > LONGEST_BYTES:
            self._begun, self._passing = b"", True
        if len(ended) > 2 * KEPT:
            ended = ended[:KEPT] + ended[-KEPT:]
        lines = [line for part in ended if len(part) <= LONGEST_BYTES and (line := _shown(part))]
        self._last.extend(lines)
        return lines


def _shown(line: bytes) -> str:
    return redacted(line.decode(errors="replace").strip())[:CHARACTERS]
