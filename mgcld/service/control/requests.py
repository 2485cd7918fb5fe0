"""What is asked over the control socket, as text: requests, replies, and errors that keep their names."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import NoneType
from typing import Any

from mgcld.errors import ControlError, MessageError, MgcldError
from mgcld.redaction import redacted

REQUEST_BYTES = 16_384
"""A longer request is refused unread; what ZeroMQ itself refuses is longer still."""
ID_BYTES = 200
NAME_CHARACTERS = 4096
SHOWN_CHARACTERS = 80
"""So much of what somebody sent is repeated in an error."""
KEYS: Mapping[str, Mapping[str, tuple[type, ...]]] = {
    "status": {},
    "sources": {},
    "snapshot": {},
    "classes": {},
    "reload": {},
    "swap": {"adapter": (str, NoneType)},
    "pause": {"source": (str,)},
    "resume": {"source": (str,)},
}
"""Request -> its keys, all of which it must have, and their types."""


class BadRequest(MessageError):
    """It is no request that anybody could answer."""


class UnknownRequest(MessageError):
    """Nothing of this name can be asked for."""


class Busy(ControlError):
    """Too many orders wait already."""


class Timeout(ControlError):
    """The order was not carried out in time; it may still be."""


class Stopping(ControlError):
    """The daemon is on its way out."""


class InternalError(ControlError):
    """A fault of mgcld itself."""


@dataclass(frozen=True, slots=True)
class Request:
    """One thing that is asked for."""

    do: str
    """One of `KEYS`."""
    id: Any = None
    """What the asker knows it by: comes back with the reply."""
    keys: Mapping[str, Any] = field(default_factory=dict)


def parse(frame: bytes) -> Request:
    """The request that a frame holds.

    Raises:
        BadRequest, UnknownRequest: it holds none. `id_of` may still find out whose it was.
    """
    content = _object(frame)
    do = content.get("do")
    if not isinstance(do, str):
        raise BadRequest("a request needs `do`, a string", help=_known())
    if do not in KEYS:
        raise UnknownRequest(f"nothing is called {shown(do)}", help=_known())
    if not _is_small(content.get("id")):
        raise BadRequest(f"id: only JSON of at most {ID_BYTES} bytes comes back", help="use a number or a short string")
    keys = {name: value for name, value in content.items() if name not in ("do", "id")}
    _check(do, keys)
    return Request(do, content.get("id"), keys)


def id_of(frame: bytes) -> Any:
    """The `id` of what may be no good request, so that its sender knows which it was; None where there is none."""
    try:
        found = _object(frame).get("id")
    except BadRequest:
        return None
    return found if _is_small(found) else None


def done(id: Any, result: Mapping[str, Any]) -> bytes:
    """The reply that brings a result.

    Raises:
        ValueError, TypeError, RecursionError: JSON does not know what is in it.
    """
    return _json({"id": id, "ok": True, "result": result})


def refused(id: Any, error: MgcldError) -> bytes:
    """The reply that says why not."""
    said = {
        "name": type(error).__name__,
        "message": redacted(str(error)),
        "help": redacted(error.help),
        "exit_code": error.exit_code,
    }
    return _json({"id": id, "ok": False, "error": said})


def error_of(said: Mapping[str, Any]) -> MgcldError:
    """The error of a reply: of the class and with the exit code that it had there, or named in the text."""
    name, code, text = str(said["name"]), int(said["exit_code"]), str(said["message"])
    known = {each.__name__: each for each in _below(MgcldError)}
    kind = known.get(name, ControlError)
    if kind.exit_code != code and 0 < code < 126:
        kind = type(kind.__name__, (kind,), {"exit_code": code})
    return kind(text if name in known else f"{name}: {text}", help=str(said["help"]))


def _object(frame: bytes) -> dict[str, Any]:
    if len(frame) > REQUEST_BYTES:
        raise BadRequest(f"{len(frame)} bytes are too many", help=f"a request has at most {REQUEST_BYTES}")
    try:
        content = json.loads(frame.decode(), parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)[:SHOWN_CHARACTERS]
        raise BadRequest(f"no JSON: {what}", help='write one frame like {"do": "status", "id": 1}') from error
    if not isinstance(content, dict):
        raise BadRequest("a request is a JSON object", help='write one frame like {"do": "status", "id": 1}')
    return content


def _check(do: str, keys: Mapping[str, Any]) -> None:
    wanted = KEYS[do]
    for name in keys:
        if name not in wanted:
            raise BadRequest(f"{do}: there is no key {shown(name)}", help=_takes(do))
    for name, types in wanted.items():
        if name not in keys or not isinstance(keys[name], types):
            raise BadRequest(f"{do}: {name} must be a string{' or null' * (NoneType in types)}", help=_takes(do))
        if isinstance(keys[name], str) and not 0 < len(keys[name]) <= NAME_CHARACTERS:
            raise BadRequest(f"{do}: {name} must have 1 to {NAME_CHARACTERS} characters", help=_takes(do))


def _is_small(value: Any) -> bool:
    try:
        return len(_json(value)) <= ID_BYTES
    except (ValueError, RecursionError):  # 1e999 is infinite
        return False


def _takes(do: str) -> str:
    return f"{do} takes {', '.join(KEYS[do])}" if KEYS[do] else f"{do} takes nothing"


def _known() -> str:
    return f"ask for one of {', '.join(KEYS)}"


def shown(text: str) -> str:
    """A text from outside, for an error or the log: short, and nothing in it steers a terminal."""
    return ascii(text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "...")


def _json(value: Any) -> bytes:
    return json.dumps(value, allow_nan=False, separators=(",", ":")).encode()


def _refuse(constant: str) -> float:
    raise ValueError(f"{constant} is no JSON")


def _below(kind: type[MgcldError]) -> list[type[MgcldError]]:
    return [kind, *(each for child in kind.__subclasses__() for each in _below(child))]
