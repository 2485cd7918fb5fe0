"""Where the control socket is unless the configuration says: one folder a user, one file a daemon."""

import hashlib
import os
import re
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path

from mgcld.errors import PublishError
from mgcld.service.bus.address import ipc_path

PATH_BYTES = 107
"""What the kernel has room for in a socket's name."""
NAME_CHARACTERS = 40
SERVICE = "control.ipc"
SUFFIX = ".control"
SYSTEM, TEMPORARY = Path("/run"), Path("/tmp")


def default_endpoint(publish_endpoint: str, environ: Mapping[str, str] = os.environ) -> str:
    """The runtime directory that the service manager gives, or a folder that only this user can enter.

    Raises:
        PublishError: there is no such folder, and none can be made.
    """
    service = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if service:
        return checked(f"ipc://{Path(service) / SERVICE}")
    refused = []
    for folder in _own_folders(environ):
        try:
            endpoint = checked(f"ipc://{folder / name_of(publish_endpoint)}")
            _made(folder)
        except PublishError as error:
            refused.append(str(error))
        else:
            return endpoint
    raise PublishError("; ".join(refused), help="give the configuration a control.endpoint, like ipc://PATH")


def checked(endpoint: str) -> str:
    """The endpoint, if the kernel has room for its path.

    Raises:
        PublishError: its path is too long.
    """
    path = ipc_path(endpoint)
    if path is not None and len(os.fsencode(path)) > PATH_BYTES:
        raise PublishError(
            f"cannot bind {endpoint}: a socket's path has at most {PATH_BYTES} bytes", help="choose a shorter path"
        )
    return endpoint


def name_of(publish_endpoint: str) -> str:
    """The file name that tells this daemon from others: the port, or the name of the ipc socket."""
    path = ipc_path(publish_endpoint)
    where = publish_endpoint.removeprefix("tcp://127.0.0.1:").removeprefix("tcp://") if path is None else path.name
    name = re.sub(r"[^A-Za-z0-9_.]+", "-", where).strip("-.") or "mgcld"
    if len(name) > NAME_CHARACTERS:
        name = f"{name[:NAME_CHARACTERS]}-{hashlib.sha256(where.encode(errors='replace')).hexdigest()[:8]}"
    return f"{name}{SUFFIX}"


def listening(environ: Mapping[str, str] = os.environ) -> list[str]:
    """Endpoints in the default places at which a process listens that may give this user orders to."""
    return [f"ipc://{path}" for path in dict.fromkeys(_sockets(environ)) if _connects(path)]


def _sockets(environ: Mapping[str, str]) -> Iterator[Path]:
    service = environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if service:
        yield Path(service) / SERVICE
    for folder in _own_folders(environ):
        if _is_ours(folder):
            yield from sorted((*folder.glob(f"*{SUFFIX}"), *folder.glob(f"**/{SERVICE}")))
    for pattern in (f"mgcld/{SERVICE}", f"mgcld/*/{SERVICE}", f"mgcld-*/{SERVICE}"):
        yield from sorted(SYSTEM.glob(pattern))


def _own_folders(environ: Mapping[str, str]) -> Iterator[Path]:
    runtime = Path(environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.geteuid()}")
    if runtime.is_absolute():
        yield runtime / "mgcld"
    yield TEMPORARY / f"mgcld-{os.geteuid()}"


def _made(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        if not _is_ours(folder):
            raise PublishError(f"{folder} is a link, or another user's", help="give a control.endpoint")
        folder.chmod(0o700)
    except OSError as error:
        raise PublishError(f"cannot make {folder}: {error.strerror}", help="give a control.endpoint") from error


def _is_ours(folder: Path) -> bool:
    try:
        found = folder.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()


def _connects(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK) as probe:
        try:
            probe.connect(os.fspath(path))
        except BlockingIOError:
            return True  # its queue is full
        except OSError:
            return False
        return True
