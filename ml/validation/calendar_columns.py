"""Which columns of a file tell the date of a row."""

from __future__ import annotations

from dataclasses import dataclass

from ml.contract import Contract, Role


@dataclass(frozen=True)
class CalendarColumns:
    """Either ``month`` and ``day``, from which the date is derived, or a ``date``, or none.

    ``months`` are the twelve names that ``month`` takes.
    """

    month: str | None = None
    day: str | None = None
    date: str | None = None
    months: tuple[str, ...] = ()

    @property
    def order(self) -> str | None:
        """The column that orders the rows of a month."""
        return self.day or self.date


def calendar_columns(contract: Contract) -> CalendarColumns:
    """The date is the contract's ``event_time``, or else the column with that role."""
    if contract.event_time and (rule := contract.event_time.derive):
        return CalendarColumns(month=rule.month, day=rule.day, months=rule.months)
    if contract.event_time:
        return CalendarColumns(date=contract.event_time.name)
    return CalendarColumns(date=next((c.name for c in contract.columns if c.role is Role.EVENT_TIME), None))
