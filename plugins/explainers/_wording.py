"""What a chat model is asked, and the sentences in what it answers."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

PROMPT = (
    "Write exactly {count} different English sentences about how {name!r} sounds, for a program that compares "
    "recordings with sentences. The first is a caption that begins with 'the sound of'. Each of the others is "
    "about something else: onset and decay, rhythm, pitch, timbre, loudness, usual variations, the place where it "
    "is heard. Most of them name the sound itself. Each has 8 to 20 plain words: no numbers before them, no "
    "marketing, nothing that cannot be heard. "
    'Answer with JSON only: {{"sentences": ["...", "..."]}}'
)
AGAIN = "That answer could not be used: {why}. Answer again, with exactly {count} sentences as asked."

FEWEST_WORDS, MOST_WORDS = 5, 30
MOST_PLACES = 50
"""Brackets in an answer at which JSON is looked for: an answer of brackets only would take long."""

SCHEMA: Mapping[str, Any] = {
    "type": "object",
    "properties": {"sentences": {"type": "array", "items": {"type": "string"}}},
    "required": ["sentences"],
    "additionalProperties": False,
}
FORMATS: Sequence[Mapping[str, Any]] = (
    {
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "explanations", "strict": True, "schema": SCHEMA},
        }
    },
    {"response_format": {"type": "json_object"}},
    {},
)
"""From what makes an answer certain to what every server takes."""


class Unusable(Exception):
    """The answer holds no such sentences; says why, for the model to do better."""


def sentences_in(content: str, count: int) -> list[str]:
    """The first `count` different sentences of 5 to 30 words in an answer, whatever is written around the JSON.

    Raises:
        Unusable: no list of sentences, or fewer of them.
    """
    found = next(_lists(content), None)
    if found is None:
        raise Unusable("it holds no JSON list of sentences")
    clean = {sentence.casefold().rstrip(".!"): sentence for sentence in map(_cleaned, reversed(found))}
    fitting = [s for s in reversed(clean.values()) if FEWEST_WORDS <= len(s.split()) <= MOST_WORDS]
    if len(fitting) < count:
        wanted = f"different ones of {FEWEST_WORDS} to {MOST_WORDS} words"
        raise Unusable(f"of {len(found)} sentences {len(fitting)} are {wanted}, not {count}")
    return fitting[:count]


def _lists(content: str) -> Iterator[list[str]]:
    """Lists of texts in an answer that may be fenced, or come after some thinking aloud."""
    decoder = json.JSONDecoder()
    for place in [match.start() for match in re.finditer(r"[\[{]", content)][:MOST_PLACES]:
        try:
            value, _ = decoder.raw_decode(content, place)
        except (ValueError, RecursionError):
            continue
        value = value.get("sentences") if isinstance(value, dict) else value
        if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
            yield value


def _cleaned(sentence: str) -> str:
    """One line, without a number or a bullet before it, and nothing that steers a terminal."""
    line = " ".join("".join(c if c.isprintable() else " " for c in sentence).split())
    return re.sub(r"^(?:\d+[.)]|[-*•])\s+", "", line)
