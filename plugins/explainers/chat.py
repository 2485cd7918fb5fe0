"""Explanations from a chat model behind any OpenAI-compatible address: `POST {base_url}/chat/completions`."""

import logging
import random
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mgcld.errors import ConfigError, ExplanationError

from ._key import HELP, key_from
from ._names import spoken
from ._service import Again, FormatUnknown, Reply, Service
from ._wording import AGAIN, FORMATS, PROMPT, Unusable, sentences_in

logger = logging.getLogger(__name__)

KEY_VARIABLE = "MGCLD_CHAT_KEY"
"""Not another program's: a key goes to whom it was made for, and to nobody else."""
MOST_WAIT_SECONDS = 60.0
MOST_SENTENCES = 50


class ChatExplainer:
    """Asks a chat model, and takes no answer but `count` different sentences of 5 to 30 words.

    base_url: usually ends in /v1. key_env, key_file: where the key stands; without either, MGCLD_CHAT_KEY if it is set.
    timeout_seconds: of one request. tries: requests for one class at most, with growing pauses from `pause_seconds` on.
    input_price, output_price: of a million tokens, to be told what a class costs.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        count: int = 8,
        key_env: str | None = None,
        key_file: Path | None = None,
        timeout_seconds: float = 60.0,
        tries: int = 4,
        pause_seconds: float = 1.0,
        temperature: float | None = None,
        input_price: float | None = None,
        output_price: float | None = None,
        key: Any = None,
    ) -> None:
        if key is not None:
            raise ConfigError("key: a key never stands in a configuration or on a command line", help=HELP)
        if not 1 <= count <= MOST_SENTENCES:
            raise ConfigError(f"count: {count} is not between 1 and {MOST_SENTENCES}", help="eight are usual")
        if tries < 1 or timeout_seconds <= 0 or pause_seconds < 0:
            raise ConfigError("tries, timeout_seconds and pause_seconds cannot be so small", help="leave them out")
        secret = key_from(key_env or KEY_VARIABLE, key_file, needed=key_env is not None)
        self._service = Service(base_url, model, secret, timeout_seconds)
        self._count, self._tries, self._pause = count, tries, pause_seconds
        self._options = {} if temperature is None else {"temperature": temperature}
        self._prices = (input_price, output_price)
        self._formats = FORMATS
        """The first is asked for; what the service does not know is dropped."""

    def origin(self, name: str) -> Mapping[str, str]:  # noqa: ARG002
        """Model, address and prompt, for the record."""
        return {"by": "chat", "model": self._service.model, "base_url": self._service.where, "prompt": PROMPT}

    def explain(self, name: str) -> Sequence[str]:
        """Sentences about the class; the log tells what it cost.

        Raises:
            ExplanationError: the service refuses, or none of the tries brought what was asked for.
        """
        prompt = PROMPT.format(count=self._count, name=spoken(name))
        asked, read, written = prompt, 0, 0
        for attempt in range(1, self._tries + 1):
            wait = None
            try:
                reply = self._reply(asked)
                read, written = read + reply.tokens[0], written + reply.tokens[1]
                sentences = sentences_in(reply.content, self._count)
            except Again as error:
                why, wait = str(error), error.wait
            except Unusable as error:
                why = f"the answer cannot be used: {error}"
                asked = f"{prompt}\n\n{AGAIN.format(why=error, count=self._count)}"
            else:
                logger.info("explanations: %r took %s", name, self._bill(read, written))
                return sentences
            if attempt < self._tries:
                self._wait(why, wait, attempt)
        tries = "1 try" if self._tries == 1 else f"{self._tries} tries"
        said = f"{self._service.where}: no sentences about {name!r} in {tries}; the last time: {why}"
        raise ExplanationError(said, help=_OTHERWISE)

    def _reply(self, asked: str) -> Reply:
        """One answer, in the strictest format that the service knows."""
        while True:
            try:
                return self._service.ask(asked, {**self._options, **self._formats[0]})
            except FormatUnknown as error:
                if not self._formats[1:]:
                    raise ExplanationError(str(error), help="see its documentation") from error
                self._formats = self._formats[1:]

    def _wait(self, why: str, asked: float | None, attempt: int) -> None:
        """As long as the service asks for, or twice as long each time, spread so that clients do not return in step.

        Raises:
            ExplanationError: it asks for too long.
        """
        seconds = self._pause * 2 ** (attempt - 1) * random.uniform(0.5, 1.5) if asked is None else asked
        if asked is not None and asked > MOST_WAIT_SECONDS:
            raise ExplanationError(f"{self._service.where}: {why}; it asks to wait {asked:.0f} s", help=_OTHERWISE)
        seconds = min(seconds, MOST_WAIT_SECONDS)
        logger.warning("explanations: %s: %s; again in %.1f s", self._service.where, why, seconds)
        time.sleep(seconds)

    def _bill(self, read: int, written: int) -> str:
        if not read + written:
            return "tokens that nobody counted"
        prices = [price or 0.0 for price in self._prices]
        cost = (read * prices[0] + written * prices[1]) / 1e6
        return f"{read} tokens in and {written} out" + (f", which cost {cost:.6f}" if any(prices) else "")


_OTHERWISE = "try later, or another model; what was written so far is kept, and bank and template need nobody"
