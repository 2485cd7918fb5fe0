"""The report as one HTML page: no script, no network, no other file; written whole or not at all."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2

from mgcld.errors import ReportError
from mgcld.files import write_whole
from mgcld.training.reporting.charts import MOST_DOTS, dots, lead_chart
from mgcld.training.reporting.pictures import size_for, spectrogram
from mgcld.training.reporting.report import Report
from mgcld.training.shots import Recording

NAME = "report.html"
HELP = "choose another folder with --report"


def check_folder(folder: Path) -> None:
    """Make sure, before any work is done, that a page can be written into `folder`; it is not made yet.

    Raises:
        ReportError: it cannot.
    """
    there = folder.absolute()
    try:
        while not there.exists():
            there = there.parent
        if not there.is_dir():
            raise ReportError(f"cannot write a report to {folder}: {there} is no folder", help=HELP)
        if (folder / NAME).exists() and not (folder / NAME).is_file():
            raise ReportError(f"cannot write {folder / NAME}: it is no regular file", help=HELP)
        tempfile.TemporaryFile(dir=there).close()
    except OSError as error:
        raise _unwritable(folder, error) from error


def write_page(
    report: Report, recordings: Sequence[Recording], folder: Path, progress: Callable[[str, int, int], None]
) -> Path:
    """Draw it, and write it beside its place before it is renamed into place; `recordings` are the report's shots.

    Raises:
        ReportError: the folder cannot be written; what stood there before still stands.
    """
    size, pictures = size_for(len(recordings)), []
    for recording in recordings:
        pictures.append(spectrogram(recording.windows, size))
        progress("drawing", len(pictures), len(recordings))
    return _write(page(report, pictures), folder)


def page(report: Report, pictures: Sequence[str]) -> str:
    """The page; a picture (data URI) for each of the report's shots."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mgcld.training.reporting"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(percent=_percent, digits=_digits, clock=_clock, dots=dots)
    return environment.get_template("page.html").render(
        report=report,
        made=report.made,
        pictures={shot.path: picture for shot, picture in zip(report.shots, pictures, strict=True)},
        leads=lead_chart(report.classes),
        most_dots=MOST_DOTS,
    )


def _write(text: str, folder: Path) -> Path:
    path = folder / NAME
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode("utf-8", "replace"))  # a file's name need not be text
    except OSError as error:
        raise _unwritable(folder, error) from error
    return path


def _unwritable(folder: Path, error: OSError) -> ReportError:
    return ReportError(f"cannot write a report to {folder}: {error.strerror}", help=HELP)


def _percent(share: float) -> str:
    return f"{100 * share:.0f}"


def _digits(value: float) -> str:
    """Two significant digits, as people write them."""
    return f"{value:.0f}" if abs(value) >= 10 else f"{value:.1f}"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    return f"{whole // 3600}:{whole // 60 % 60:02}:{whole % 60:02}"
