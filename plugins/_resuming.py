"""A large download goes on after a kill: the part that came stays in the hub's cache, beside its future place.

huggingface_hub gives each attempt a file of its own, and throws away what it cannot finish. Here the large file itself
(the hub names it by its sha256) is put into the cache's place for it; the library then finds it there.
"""

import fcntl
import hashlib
import re
from pathlib import Path

SHA256 = re.compile(r"[0-9a-f]{64}")
TIMEOUT_SECONDS = 10
"""For an answer of the hub; a download that stands still for so long goes on from where it is, a few times."""


def fetch_large(model: str, name: str, commit: str) -> None:
    """Bring a file into the cache's store, from where an earlier attempt ended; small ones are left to the library.

    Where another process is at it, that is left to the library too. Raises what huggingface_hub raises, and OSError for
    a file that is not what the hub promised.
    """
    from huggingface_hub import constants, get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import repo_folder_name

    told = get_hf_file_metadata(hf_hub_url(model, name, revision=commit), timeout=TIMEOUT_SECONDS)
    if told.etag is None or told.size is None or not SHA256.fullmatch(told.etag):
        return
    folder = Path(constants.HF_HUB_CACHE) / repo_folder_name(repo_id=model, repo_type="model") / "blobs"
    folder.mkdir(parents=True, exist_ok=True)
    blob, part = folder / told.etag, folder / f"{told.etag}.part"
    if not blob.exists() and _completed(part, told.location, name, told.size):
        if _sha256(part) != told.etag:
            part.unlink()
            raise OSError(f"{name} came damaged")
        part.replace(blob)


def _completed(part: Path, address: str, name: str, size: int) -> bool:
    """False where another process holds it."""
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils._headers import build_hf_headers

    with part.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        if file.tell() > size:
            file.truncate(0)
        headers = build_hf_headers() if _of_the_hub(address) else {}
        http_get(address, file, resume_size=file.tell(), expected_size=size, headers=headers, displayed_filename=name)
    return True


def _of_the_hub(address: str) -> bool:
    """Whether a token may go there."""
    from huggingface_hub import constants

    return address.startswith(f"{constants.ENDPOINT}/")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
