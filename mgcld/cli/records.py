"""A log record as fields: what is known of it without reading the sentence."""

import json
import logging
import re
from datetime import UTC, datetime

SUBJECT = re.compile(r"((?:[a-z-]+ ){0,2}(?:%s|[a-z-]+)): ")
"""How a message's format begins that has a subject: `%s: `, `sink %s: `, `publisher: `."""
SUBJECT_CHARACTERS = 200
OF_SOURCES = ("mgcld.audio.", "mgcld.service.roster")
"""In these modules, subjects are sources."""

_plain = logging.Formatter()


def subject(record: logging.LogRecord) -> str | None:
    """What the message is about: what stands before its first colon, where its format says so."""
    begins = SUBJECT.match(str(record.msg))
    if begins is None:
        return None
    if not begins[1].endswith("%s"):
        return begins[1]
    arguments = record.args if isinstance(record.args, tuple) else ()
    return (begins[1] % arguments[0])[:SUBJECT_CHARACTERS] if arguments else None


def source(record: logging.LogRecord) -> str | None:
    """The source that it is about; None where it is about something else."""
    return subject(record) if record.name.startswith(OF_SOURCES) and str(record.msg).startswith("%s: ") else None


def traceback(record: logging.LogRecord) -> str | None:
    """The exception's, in several lines; None without one."""
    return _plain.formatException(record.exc_info) if record.exc_info and record.exc_info[0] else None


class JsonFormatter(logging.Formatter):
    """One object a line: time (ISO 8601, UTC), level, logger, message; subject, source, traceback where there are."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, in ASCII."""
        fields = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "subject": subject(record),
            "source": source(record),
            "message": record.getMessage(),
            "traceback": traceback(record),
        }
        return json.dumps({name: value for name, value in fields.items() if value is not None})
