"""What tells one encoder from another: its name for people, and the hash that binds an adapter to it."""

import hashlib
from pathlib import Path
from urllib.parse import quote, urlencode

from .._weights import sha256_of


def named(kind: str, model: str, *, coarse: str, **options: str | None) -> str:
    """As `--encoder` takes it: KIND=MODEL, and behind a ? the options that have a value of their own."""
    given = {} if coarse == "mean" else {"coarse": coarse}
    given |= {name: value for name, value in options.items() if value is not None}
    given |= {"model": model} if "?" in model else {}
    query = urlencode(given, safe="/:", quote_via=quote)
    return (kind if "?" in model else f"{kind}={model}") + (f"?{query}" if query else "")


def hash_of(weights: Path, coarse: str) -> str:
    """sha256 of the weights; another one for the `native` reading, whose features an adapter of `mean` cannot serve.

    Raises:
        CheckpointError: the file cannot be read, or it is a damaged download.
    """
    digest = sha256_of(weights)
    return digest if coarse == "mean" else hashlib.sha256(f"{digest} coarse={coarse}".encode()).hexdigest()
