"""The process's log: one JSON object a line, without what came in from outside."""

from __future__ import annotations

import datetime as dt
import logging
import sys
from traceback import extract_tb

from pydantic_core import to_json

from ml.errors import PlatformError

FIELDS = "fields"
"""Key of ``extra`` for a record's own fields."""


def start() -> None:
    """Send all logging of this process to stderr, unless it goes somewhere already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter())
    logging.basicConfig(level=logging.INFO, handlers=[handler])


class JsonFormatter(logging.Formatter):
    """Time, level, logger, message and the record's own fields.

    Of an error, its class and where it was raised: what an error says may quote an input. The
    platform's own errors are worded so that they may be shown.
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, object] = {
            "time": dt.datetime.fromtimestamp(record.created, dt.UTC),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage().rstrip(),
            **getattr(record, FIELDS, {}),
        }
        error = record.exc_info[1] if record.exc_info else None
        if error:
            line["error"] = [_said(one) for one in _chain(error)]
        return to_json(line).decode()


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    while error and error not in found:
        found.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def _said(error: BaseException) -> dict[str, object]:
    kind = type(error)
    return {
        "class": f"{kind.__module__}.{kind.__qualname__}",
        "message": str(error) if isinstance(error, PlatformError) else None,
        "at": [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in extract_tb(error.__traceback__)],
    }
