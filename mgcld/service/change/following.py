"""Whether another file stands in a file's place."""

from pathlib import Path

Mark = tuple[int, int, int]


class Following:
    """Looks at a file; a rename into its place shows at once, also over a network file system."""

    def __init__(self, path: Path, seen: Mark | None) -> None:
        """`seen`: the `mark` from before the file was read, so that one that comes while it is read is not missed."""
        self.path = path
        self._seen = seen

    def changed(self) -> bool:
        """True once for each file that has come into its place since we looked last; its absence is no change."""
        now = mark(self.path)
        if now is None or now == self._seen:
            return False
        self._seen = now
        return True


def mark(path: Path) -> Mark | None:
    """What is another for another file, or another content; None where there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size
