"""The span of time that a view shows."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cached_property

_DAILY_UP_TO = 100
"""Longer spans are shown by week, so that a year of cells still fits on a page."""


@dataclass(frozen=True)
class Period:
    """``days`` whole days (UTC), the last of them the day of ``now``."""

    now: dt.datetime
    days: int

    @property
    def start(self) -> dt.datetime:
        """The midnight at which it begins; included."""
        return self.end - dt.timedelta(days=self.days)

    @cached_property
    def end(self) -> dt.datetime:
        """The midnight that ends the day of ``now``; not included."""
        return day_of(self.now) + dt.timedelta(days=1)

    @property
    def step_days(self) -> int:
        """Days that share a bar or a cell: 1, or 7."""
        return 1 if self.days <= _DAILY_UP_TO else 7

    @cached_property
    def steps(self) -> list[dt.datetime]:
        """Where each bar or cell begins, the oldest first; the last one ends with the period."""
        step = dt.timedelta(days=self.step_days)
        count = -(-self.days // self.step_days)
        return [self.end - step * n for n in range(count, 0, -1)]

    def step_of(self, moment: dt.datetime) -> int | None:
        """The place in :attr:`steps` of a moment; None outside of the period."""
        if not self.steps[0] <= moment < self.end:
            return None
        return (moment - self.steps[0]) // dt.timedelta(days=self.step_days)


def day_of(moment: dt.datetime) -> dt.datetime:
    """The midnight (UTC) at which its day begins. Raises ``ValueError`` without a time zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(dt.UTC).replace(hour=0, minute=0, second=0, microsecond=0)
