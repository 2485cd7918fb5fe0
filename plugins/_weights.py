"""Where weights come from: a local path, else the hub's cache on this machine, else a download into that cache.

The cache is huggingface_hub's: HF_HOME moves it, HF_HUB_OFFLINE=1 forbids downloads. Whatever that library raises
becomes a named error here, and nowhere else.
"""

import contextlib
import hashlib
import logging
import re
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from mgcld.errors import CheckpointError, WeightsUnavailable

from ._resuming import SHA256, TIMEOUT_SECONDS, fetch_large

logger = logging.getLogger(__name__)

File = str | tuple[str, ...]
"""A file's name, or names of which the first that is there will do."""
MEANWHILE = "Meanwhile the encoder mini works, with the captioners tags and retrieval: they need no download"


def located(
    wish: str,
    *,
    files: Sequence[File],
    who: str,
    revision: str | None = None,
    optional: Sequence[str] = (),
    size: str = "",
) -> list[Path]:
    """The local path of each of `files`, in their order, all in one folder, `optional` ones beside them if there are.

    `wish` is a folder, a file (where one is wanted), or a model of the hub by its id. A revision is a commit or a
    branch; without one the hub's `main` is taken once, and then what is in the cache. `who` wants it, for messages;
    `size` is of the download, if known.

    Raises:
        WeightsUnavailable: they are not here and cannot be fetched; says what to put where.
    """
    try:
        here = _on_disk(wish, files, who)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~nobody
        raise WeightsUnavailable(f"{who}: cannot look for weights at {wish}: {error}", help=_to_hold(files)) from error
    if here is not None:
        return here
    found = cached(wish, files, revision)
    if found is None:
        found = _fetched(wish, files, optional, revision, who, size)
    logger.info("%s: weights of %s, commit %s", who, wish, found[0].parent.name)
    return found


def cached(model: str, files: Sequence[File], revision: str | None = None) -> list[Path] | None:
    """The path of each file in the hub's cache on this machine; None if one is missing. No network."""
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    found = []
    for file in files:
        try:
            paths = [try_to_load_from_cache(model, name, revision=revision) for name in _names(file)]
        except HFValidationError:
            return None
        found += [Path(path) for path in paths if isinstance(path, str)][:1]
    return found if len(found) == len(files) and len({path.parent for path in found}) == 1 else None


def fetching(model: str, files: Sequence[File], revision: str | None = None) -> str:
    """The command that brings them into the hub's cache, where there is network."""
    names = " ".join(dict.fromkeys(name for file in files for name in _names(file)))
    return f"hf download {model}{f' --revision {revision}' if revision else ''} {names}"


def sha256_of(path: Path) -> str:
    """Hexadecimal; a second or two for a gigabyte.

    Raises:
        CheckpointError: it cannot be read, or it is a damaged download: the cache names a large file by its sha256.
    """
    try:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror}", help="is it readable by this user?") from error
    promised = path.resolve().name
    if path.is_symlink() and SHA256.fullmatch(promised) and promised != found:
        help = f"delete {path.resolve()} and start again: it is then downloaded once more"
        raise CheckpointError(f"{path} is damaged: its sha256 is not what the hub promised", help=help)
    return found


def _names(file: File) -> tuple[str, ...]:
    return (file,) if isinstance(file, str) else file


def _chosen(files: Sequence[File], there: Collection[str]) -> list[str | None]:
    return [next((name for name in _names(file) if name in there), None) for file in files]


def _listed(files: Sequence[File]) -> str:
    return ", ".join(" or ".join(_names(file)) for file in files)


def _to_hold(files: Sequence[File]) -> str:
    itself = ", or such a file" if len(files) == 1 else ""
    return f"name a folder that holds {_listed(files)}{itself}, or a model of the hub. {MEANWHILE}"


def _on_disk(wish: str, files: Sequence[File], who: str) -> list[Path] | None:
    """None for what can only be a model of the hub."""
    local = Path(wish).expanduser()
    if local.is_file() and len(files) == 1:
        return [local]
    return _in_folder(local, files, who) if local.exists() or re.match(r"[/~.]", wish) else None


def _in_folder(folder: Path, files: Sequence[File], who: str) -> list[Path]:
    if not folder.is_dir():
        raise WeightsUnavailable(f"{who}: there are no weights at {folder}", help=_to_hold(files))
    names = _chosen(files, {path.name for path in folder.iterdir()})
    missing = [file for file, name in zip(files, names, strict=True) if name is None]
    if missing:
        raise WeightsUnavailable(f"{who}: the folder {folder} lacks {_listed(missing)}", help=_to_hold(files))
    return [folder / name for name in names if name is not None]


def _fetched(
    model: str, files: Sequence[File], optional: Sequence[str], revision: str | None, who: str, size: str
) -> list[Path]:
    """Download what is wanted, of one commit; what was there of an earlier attempt is not loaded again."""
    from huggingface_hub.errors import HFValidationError, HTTPError, XetDownloadError  # type: ignore[attr-defined]  # httpx's own

    try:
        return _download(model, files, optional, revision, who)
    except HFValidationError as error:
        named = f"{who}: there is nothing at {model}, and a model of the hub has a name like laion/larger_clap_general"
        raise WeightsUnavailable(named, help=_to_hold(files)) from error
    except (HTTPError, XetDownloadError, OSError, ValueError) as error:
        raise _unavailable(model, [*files, *optional], revision, who, size, _reason(error)) from error


def _download(model: str, files: Sequence[File], optional: Sequence[str], revision: str | None, who: str) -> list[Path]:
    from huggingface_hub import HfApi, hf_hub_download

    info = HfApi().model_info(model, revision=revision, files_metadata=True, timeout=TIMEOUT_SECONDS)
    sizes = {file.rfilename: file.size or 0 for file in info.siblings or ()}
    names = _chosen(files, sizes)
    if None in names:
        missing = [file for file, name in zip(files, names, strict=True) if name is None]
        raise FileNotFoundError(f"the hub's model has no {_listed(missing)}")
    wanted = [name for name in names if name is not None]
    beside = [name for name in optional if name in sizes]
    megabytes = sum(sizes[name] for name in wanted + beside) / 1e6
    logger.warning("%s: downloading %s, commit %s, %.0f MB", who, model, info.sha, megabytes)
    # The terminal's own stderr: where the caller draws bars too, what is printed meanwhile waits for a line to end.
    with contextlib.redirect_stderr(sys.__stderr__ or sys.stderr):
        for name in beside:
            hf_hub_download(model, name, revision=info.sha, etag_timeout=TIMEOUT_SECONDS)
        for name in wanted:
            fetch_large(model, name, str(info.sha))
        paths = [hf_hub_download(model, name, revision=info.sha, etag_timeout=TIMEOUT_SECONDS) for name in wanted]
        if revision != info.sha:  # once more by the branch's name: the cache then knows which commit that was
            hf_hub_download(model, wanted[0], revision=revision, etag_timeout=TIMEOUT_SECONDS)
    return [Path(path) for path in paths]


def _reason(error: Exception) -> str:
    from huggingface_hub.errors import (
        GatedRepoError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids to download them"
    if isinstance(error, GatedRepoError):
        return "the hub gives them only to those who accepted their terms (then: hf auth login)"
    if isinstance(error, RepositoryNotFoundError):
        return "the hub knows no such model"
    if isinstance(error, RevisionNotFoundError):
        return "the hub knows no such revision of it"
    first = (str(error).strip() or type(error).__name__).splitlines()[0]
    return f"they could not be downloaded ({first})"


def _unavailable(
    model: str, files: Sequence[File], revision: str | None, who: str, size: str, reason: str
) -> WeightsUnavailable:
    from huggingface_hub.constants import HF_HUB_CACHE

    at = f" at revision {revision}" if revision else ""
    return WeightsUnavailable(
        f"{who}: the weights of {model} are not on this machine, and {reason}",
        help=f"where there is network: {fetching(model, files, revision)}; that fills {HF_HUB_CACHE}, which can be "
        f"copied to this machine. Or put {_listed(files)} of huggingface.co/{model}{at}{size and f' ({size})'} "
        f"into a folder and name the folder instead of the model. {MEANWHILE}",
    )
