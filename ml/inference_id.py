"""Ids of predictions: UUIDv7 (RFC 9562), whose first 48 bits are milliseconds since 1970.

Ranges of ids are therefore ranges of time, by which the inference log is partitioned.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
from uuid import UUID

_RANDOM_BITS = 74
_RANDOM_MASK = (1 << _RANDOM_BITS) - 1
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def new_id() -> UUID:
    """A fresh id of this moment, for a prediction made online."""
    return _uuid7(time.time_ns() // 1_000_000, int.from_bytes(os.urandom(10), "big"))


def batch_id(use_case: str, model: str, row_key: str, logical_date: dt.datetime) -> UUID:
    """The id of one row's prediction in a batch: the same four values always give the same id.

    ``model`` names a model and its version.

    Raises ``ValueError`` for a date without a time zone.
    """
    milliseconds = _milliseconds(logical_date)
    return _uuid7(milliseconds, _hashed(use_case, model, row_key, str(milliseconds)))


def shadow_id(answered: UUID, model: str) -> UUID:
    """The id of a shadow's prediction beside that of ``answered``: of the same moment, and always the same.

    ``model`` names a model and its version.
    """
    return _uuid7(answered.int >> 80, _hashed("shadow", str(answered), model))


def month_bounds(moment: dt.datetime) -> tuple[UUID, UUID]:
    """Least id of the moment's month (UTC) and least id of the next: a half-open range.

    Raises ``ValueError`` for a date without a time zone.
    """
    first = month_start(moment)
    following = (first + dt.timedelta(days=32)).replace(day=1)
    return _least(first), _least(following)


def month_start(moment: dt.datetime) -> dt.datetime:
    """Midnight UTC of the first day of the moment's month in UTC. Raises ``ValueError`` without a time zone."""
    _require_zone(moment)
    return moment.astimezone(dt.UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _hashed(*parts: str) -> int:
    # Lengths are hashed with the values, so that no two lists of values read the same.
    digest = hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode()).digest()
    return int.from_bytes(digest[:10], "big")


def _least(moment: dt.datetime) -> UUID:
    """Below every id of the moment and above every id before it; no UUIDv7 itself."""
    return UUID(int=_milliseconds(moment) << 80)


def _uuid7(milliseconds: int, random: int) -> UUID:
    random &= _RANDOM_MASK
    high, low = random >> 62, random & ((1 << 62) - 1)
    return UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def _milliseconds(moment: dt.datetime) -> int:
    _require_zone(moment)
    return (moment - _EPOCH) // dt.timedelta(milliseconds=1)


def _require_zone(moment: dt.datetime) -> None:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone; an id needs the exact moment")
