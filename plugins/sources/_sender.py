"""When the sound of a network was heard: by the sender's reports (RTCP) where there are any, else by its arrival."""

import logging

from mgcld.data import NANOSECONDS, Clock

from ._ffmpeg import position_seconds
from ._reader import Heard, Report

logger = logging.getLogger(__name__)

ARRIVAL_UNCERTAINTY_NS = NANOSECONDS
"""What cameras hold back before they send, and networks before they deliver, is commonly under a second."""
REPORT_UNCERTAINTY_NS = 50_000_000
"""Two clocks that NTP sets, and a sender that looks at its own a moment before or after it samples."""
MOST_ASTRAY_NS = 10 * NANOSECONDS
"""A sender whose clock is further from ours has never been set."""


class SenderClock:
    """Stamps the frames of one opening.

    Until the first report, and where a sender's clock is far from ours, time is that of arrival. From a report on it is
    the sender's, which is earlier by what lies between microphone and us: within an opening times then go back once.
    What follows the clocks (`mgcld.audio`) leads them over slowly; nothing is cut here, for no sample is lost.
    """

    def __init__(self, name: str) -> None:
        """`name`: of the stream, for the log; without a secret."""
        self._name = name
        self._report: Report | None = None
        self._believed: bool | None = None
        self._uncertainty_ns = 0
        self.offset_seconds: float | None = None
        """How far the sender's clock was ahead of ours, with all that lies between; None before its first report."""

    def stamp(self, heard: Heard, seconds: float) -> tuple[int, Clock, int]:
        """When the first sample of a frame of that length was heard (UTC, ns), by which clock, and its uncertainty."""
        if heard.report is not None:
            self._take(heard.report)
        position = position_seconds(heard.frame)
        if self._report is None or position is None:
            return heard.arrived_ns - round(seconds * NANOSECONDS), "arrival", ARRIVAL_UNCERTAINTY_NS
        since_ns = round((position - self._report.position) * NANOSECONDS)
        return self._report.utc_ns + since_ns, "rtcp", self._uncertainty_ns

    def forget(self) -> None:
        """The sender has started its axis anew: what it said holds no more."""
        self._report = None

    def _take(self, report: Report) -> None:
        ahead_ns = report.utc_ns - report.arrived_ns
        believed = abs(ahead_ns) <= MOST_ASTRAY_NS
        if believed != self._believed:
            self._believed, self.offset_seconds = believed, round(ahead_ns / NANOSECONDS, 3)
            if not believed:
                text = "%s: the sender's clock is %+.0f s from ours; times are those of arrival"
                logger.warning(text, self._name, self.offset_seconds)
        # Sound is heard before it arrives, and commonly no more than a second: the rest of a difference is an error.
        contradiction_ns = max(ahead_ns, -ahead_ns - ARRIVAL_UNCERTAINTY_NS, 0)
        self._uncertainty_ns = REPORT_UNCERTAINTY_NS + contradiction_ns
        self._report = report if believed else None
