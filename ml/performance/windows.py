"""Calendar windows that live performance is measured in, in UTC."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

Kind = Literal["day", "month"]


@dataclass(frozen=True)
class CalendarWindow:
    """From ``start``, included, to ``end``, not included."""

    start: dt.datetime
    end: dt.datetime


def window_of(moment: dt.datetime, kind: Kind) -> CalendarWindow:
    """The day or month of a moment. Raises ``ValueError`` without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    start = moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return CalendarWindow(start, start + dt.timedelta(days=1))
    start = start.replace(day=1)
    return CalendarWindow(start, (start + dt.timedelta(days=32)).replace(day=1))


def windows_until(moment: dt.datetime, kind: Kind, delay_days: float) -> list[CalendarWindow]:
    """The last window that ended ``delay_days`` before the moment, and those after it up to the moment's own.

    The first is complete, its labels have arrived; the others are on the way. Of days, at most 32 of them.
    """
    found = [window_of(moment - dt.timedelta(microseconds=1), kind)]
    limit = moment - dt.timedelta(days=delay_days)
    while found[0].end > limit:
        found.insert(0, window_of(found[0].start - dt.timedelta(microseconds=1), kind))
    return [found[0], *found[1:][-31:]]
