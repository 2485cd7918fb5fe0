"""Delivers what waits in an outbox: one at a time, in order, in a thread of its own."""

import logging
import threading
import time

from ._counted import messages
from ._outbox import Outbox, OutboxError, Parcel
from ._webhook_post import Answer, NoAnswer, Poster
from ._webhook_signature import signature
from ._webhook_verdict import Verdict, verdict

logger = logging.getLogger(__name__)

IDLE_SECONDS = 60.0
DISK_SECONDS = 5.0
"""An outbox that cannot be written is tried again so often."""
COMPLAIN_SECONDS = 60.0
"""Another reason within one outage is logged at most so often, and so is what is refused for good."""
FLUSH_SECONDS, END_SECONDS = 0.5, 0.2
"""At the end, for what waits, and for an exchange that is broken off to end."""


class Courier:
    """A message leaves the outbox when the server has acknowledged it.

    No other is sent before the disk knows that: so what was acknowledged is never sent again, but for the one whose
    acknowledgement a kill of this process came before.
    """

    def __init__(self, to: str, outbox: Outbox, poster: Poster, secret: bytes | None, max_age_seconds: float) -> None:
        """Begin. `to` is for the log; `secret` signs, if there is one."""
        self.delivered = self.failed = self.refused = self.expired = 0
        """Messages that arrived; tries that did not; messages that were refused for good, or grew too old."""
        self.reason: str | None = None
        """Why the message that waits longest was not delivered yet; None while all is well."""
        self._to = to
        self._outbox = outbox
        self._poster = poster
        self._secret = secret
        self._max_age_ns = round(max_age_seconds * 1e9)
        self._tries = 0  # that failed in a row
        self._complain_at = self._refusal_at = 0.0
        self._closing = threading.Event()  # what waits is tried once more
        self._stopping = threading.Event()  # nothing more is tried
        self._fresh = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhook", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Something waits."""
        self._fresh.set()

    def close(self) -> None:
        """Deliver what waits, as long as the server takes it and for 0.7 s at most.

        An exchange that has no answer by then is made again by the next process.
        """
        self._closing.set()
        self._fresh.set()
        self._thread.join(FLUSH_SECONDS)
        self._stopping.set()
        self._poster.end()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._turn()
            except OutboxError as error:
                closing = self._closing.is_set()
                if not closing:
                    self._complain(f"the outbox cannot be used: {error}", DISK_SECONDS, logging.ERROR)
                self._pause(DISK_SECONDS, closing)
            except Exception:  # a bug: said once a minute, and nothing is lost
                closing = self._closing.is_set()
                logger.exception("%s: the delivery failed", self._to)
                self._pause(COMPLAIN_SECONDS, closing)

    def _pause(self, seconds: float, closing: bool) -> None:
        """After a failure; one while we close is the last, and one before it is tried once more then.

        Whether we were `closing` is asked before the failure is told: who hears of it may close us at once.
        """
        if closing:
            self._stopping.set()
        self._closing.wait(seconds)

    def _turn(self) -> None:
        closing = self._closing.is_set()  # nothing is added after that
        self._give_up_old()
        parcel = self._outbox.first()
        if parcel is None and closing:
            self._stopping.set()
            return
        if parcel is None:
            self._fresh.wait(IDLE_SECONDS)
            self._fresh.clear()
            return
        found = verdict(self._sent(parcel), self._tries)
        if found.fate == "again":
            self._fail(found)
            return
        self._settle(parcel)
        self._count_end(parcel, found)

    def _fail(self, found: Verdict) -> None:
        closing = self._closing.is_set()
        if not closing:
            self._count_failure(found.reason, found.seconds, logging.ERROR if found.mistake else logging.WARNING)
        self._pause(found.seconds, closing)

    def _count_end(self, parcel: Parcel, found: Verdict) -> None:
        if self.reason is not None:
            logger.info("%s answers again, after %d tries; %s", self._to, self._tries, self._waiting)
        self.reason, self._tries = None, 0
        if found.fate == "delivered":
            self.delivered += 1
        else:
            self.refused += 1
            self._tell_refusal(parcel, found.reason)

    def _tell_refusal(self, parcel: Parcel, reason: str) -> None:
        """A server that refuses everything does not fill the log."""
        now = time.monotonic()
        if now >= self._refusal_at:
            self._refusal_at = now + COMPLAIN_SECONDS
            logger.error("%s: %s: %s is dropped (%d so far)", self._to, reason, parcel.delivery, self.refused)

    def _sent(self, parcel: Parcel) -> Answer | NoAnswer:
        headers = {"Idempotency-Key": parcel.delivery, "X-Mgcld-Delivery": parcel.delivery}
        if self._secret is not None:
            headers["X-Mgcld-Signature"] = signature(self._secret, parcel.body, int(time.time()))
        try:
            return self._poster.post(parcel.body, headers)
        except NoAnswer as error:
            return error

    def _settle(self, parcel: Parcel) -> None:
        """Nothing else is sent before the disk knows that this one is done."""
        while True:
            try:
                return self._outbox.done(parcel)
            except OutboxError as error:
                self._complain(f"the outbox cannot be written: {error}", DISK_SECONDS, logging.ERROR)
                if self._closing.wait(DISK_SECONDS):
                    raise

    def _give_up_old(self) -> None:
        gone = self._outbox.give_up_older(self._max_age_ns)
        if gone:
            self.expired += gone
            hours = self._max_age_ns / 3600e9
            logger.error("%s: %s given up after %g hours", self._to, messages(gone, "is", "are"), hours)

    def _count_failure(self, reason: str, seconds: float, level: int) -> None:
        self.failed += 1
        self._tries += 1
        self._complain(reason, seconds, level)

    def _complain(self, reason: str, seconds: float, level: int) -> None:
        """One line for an outage, and another one when its reason is another, but not too often."""
        now = time.monotonic()
        if self.reason is None or (reason != self.reason and now >= self._complain_at):
            self._complain_at = now + COMPLAIN_SECONDS
            logger.log(level, "%s: %s; tried again in %.0f s; %s", self._to, reason, seconds, self._waiting)
        self.reason = reason

    @property
    def _waiting(self) -> str:
        return messages(self._outbox.waiting, "waits", "wait")
