"""An OpenAI-compatible service: where it is, one question and its answer, and what each of its refusals means."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from mgcld.errors import ConfigError, ExplanationError

from ._http import Answer, NoAnswer, post
from ._key import HELP, Key

logger = logging.getLogger(__name__)

FORMAT_UNKNOWN = (400, 422)
PASSING = (408, 409, 425, 429)
"""Worth another try, as is everything from 500 on."""


class Again(Exception):
    """Worth another try; says why."""

    def __init__(self, why: str, *, wait: float | None = None) -> None:
        super().__init__(why)
        self.wait = wait
        """Seconds that the service asks for."""


class FormatUnknown(Exception):
    """It may be the answer's format that the service does not know; says what it said."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the model wrote."""

    content: str
    tokens: tuple[int, int]
    """(read, written); zeros where the service does not count."""


class Service:
    """Where the model is."""

    def __init__(self, base_url: str, model: str, key: Key, timeout_seconds: float) -> None:
        self._url, self.where = _addresses(base_url)
        self.model = model
        self._key = key
        self._timeout = timeout_seconds
        parts = urlsplit(base_url)
        if key and parts.scheme == "http" and parts.hostname not in ("127.0.0.1", "::1", "localhost"):
            logger.warning("explanations: the key goes to %s unencrypted: better write https", self.where)

    def ask(self, prompt: str, options: Mapping[str, Any]) -> Reply:
        """One question.

        Raises:
            Again: no answer now.
            FormatUnknown: the request as it is does not please.
            ExplanationError: no use in asking again.
        """
        question = {"model": self.model, "messages": [{"role": "user", "content": prompt}], **options}
        try:
            answer = post(self._url, json.dumps(question).encode(), self._key.headers, self._timeout)
        except NoAnswer as error:
            raise Again(str(error)) from error
        if answer.status != 200:
            raise self._refused(answer)
        return _reply(answer.body)

    def _refused(self, answer: Answer) -> Exception:
        status, said = answer.status, self._said(answer.body)
        if status in PASSING or status >= 500:
            return Again(f"status {status}{said}", wait=answer.retry_after)
        if status in FORMAT_UNKNOWN:
            return FormatUnknown(f"{self.where} does not take the question: status {status}{said}")
        if 300 <= status < 400:
            there = _shown(answer.location or "nowhere")
            return ExplanationError(
                f"{self.where} sends us to {there}", help="nobody is followed with a key: mend base_url"
            )
        if status in (401, 403):  # what it says is not told: it may hold a part of the key
            return ExplanationError(f"{self.where} {'refuses the' if self._key else 'wants a'} key", help=HELP)
        if status == 404:
            help = "see which models it has; base_url usually ends in /v1"
            return ExplanationError(f"{self.where} has no model {self.model!r}, or is not the address{said}", help=help)
        return ExplanationError(f"{self.where} refuses: status {status}{said}", help="see its documentation")

    def _said(self, body: bytes) -> str:
        """Its own words, if it has some; without the key, and nothing that steers a terminal."""
        try:
            error = json.loads(body)["error"]
            text = str(error["message"] if isinstance(error, dict) else error)
        except (ValueError, KeyError, TypeError, RecursionError):
            return ""
        line = " ".join("".join(c if c.isprintable() else " " for c in self._key.kept_out_of(text)).split())
        return f": {line[:200]}"


def _reply(body: bytes) -> Reply:
    try:
        content = json.loads(body)
        usage = content.get("usage") or {}
        tokens = (int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))
        return Reply(str(content["choices"][0]["message"]["content"] or ""), tokens)
    except (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise Again("the answer is no chat completion") from error


def _addresses(base_url: str) -> tuple[str, str]:
    """(where to post, what to show of it)."""
    try:
        parts = urlsplit(base_url)
        valid = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        valid = False
    if not valid or "@" in parts.netloc or not base_url.isascii() or not base_url.isprintable() or " " in base_url:
        wanted = "write http://host[:port]/v1 or https://host/v1, without a user, a password or a key in it"
        raise ConfigError("base_url is not understood", help=wanted)  # not shown: it may hold a secret
    path = f"{parts.path.rstrip('/').removesuffix('/chat/completions')}/chat/completions"
    return parts._replace(path=path, fragment="").geturl(), _shown(base_url)


def _shown(url: str) -> str:
    """An address without what may be secret."""
    plain = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in url)
    before, _, after = plain.partition("://")
    after = after.split("?")[0].split("#")[0]
    host, slash, path = after.partition("/")
    return f"{before}://{host.rpartition('@')[2]}{slash}{path}" if after else before.split("?")[0]
