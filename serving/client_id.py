"""The id that a client gives its request, so that it may repeat it."""

from __future__ import annotations

import datetime as dt
import re
import time
from uuid import UUID

from ml.field_value import describe
from serving.errors import IdNotOfNow, wrong_field

PATTERN = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-7[0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}$"
_UUID7 = re.compile(PATTERN.strip("^$"))
_AHEAD = dt.timedelta(days=1)


def read_id(value: object) -> UUID:
    """A UUIDv7. Raises :class:`ml.errors.InvalidInput`."""
    if not isinstance(value, str) or not _UUID7.fullmatch(value):
        raise wrong_field("inference_id", f"must be a UUID of version 7, as text; got {describe(value)}")
    return UUID(value)


def require_now(inference_id: UUID) -> None:
    """Raises :class:`IdNotOfNow` for an id of the future: the log is kept by the time in its ids."""
    if (inference_id.int >> 80) / 1000 > time.time() + _AHEAD.total_seconds():
        raise IdNotOfNow
