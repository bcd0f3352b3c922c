"""Fields for times in the form that starts a run; left empty, the run's own time counts."""

from __future__ import annotations

from datetime import UTC, date, datetime

from airflow.sdk import Param

_INSTANT = r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:\d{2})?)?$"


def instant_field(title: str) -> Param:
    """A point in time, as ISO 8601 text; refused by the form where it is anything else."""
    return Param(None, type=["null", "string"], format="date-time", pattern=_INSTANT, title=title)


def day_field(title: str) -> Param:
    """A date, as ISO 8601 text."""
    return Param(None, type=["null", "string"], format="date", title=title)


def instant(text: str | None) -> datetime | None:
    """What an :func:`instant_field` holds; UTC where it names no offset."""
    if not text:
        return None
    given = datetime.fromisoformat(text)
    return given if given.tzinfo else given.replace(tzinfo=UTC)


def day(text: str | None) -> date | None:
    """What a :func:`day_field` holds."""
    return date.fromisoformat(text) if text else None
