"""Metrics of what is configured, so that alerts have limits of each use case's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from itertools import pairwise

from croniter import croniter  # type: ignore[import-untyped]  # it comes without types

from ml.metrics.reading import Measure, Row
from ml.use_case import UseCase

GRACE = dt.timedelta(hours=6)
"""What a run may take, and be late, before its absence is told."""
_BEGIN = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
_TIMES = 60  # of a schedule, among which its longest pause is looked for

OVERDUE = Measure(
    "ml_check_overdue_seconds",
    "Age at which the last file (ingest) or check (drift, outcomes) is too old: two times of its schedule, and 6 hours."
    " No series: it is not scheduled",
    "overdue",
    ("use_case", "check"),
)
QUARANTINE_LIMIT = Measure(
    "ml_data_quarantine_limit_ratio", "Share of bad rows above which a file is refused as a whole", "limit"
)
MEASURES = (OVERDUE, QUARANTINE_LIMIT)


def overdue(use_cases: Sequence[UseCase]) -> Iterator[Row]:
    """Rows of :data:`OVERDUE`."""
    for use_case in use_cases:
        for check in ("ingest", "drift", "outcomes"):
            schedule = getattr(use_case.config.schedules, check)
            if schedule is not None:
                seconds = (2 * longest_pause(schedule) + GRACE).total_seconds()
                yield {"use_case": use_case.name, "check": check, "overdue": seconds}


def quarantine_limits(use_cases: Sequence[UseCase]) -> Iterator[Row]:
    """Rows of :data:`QUARANTINE_LIMIT`."""
    for use_case in use_cases:
        yield {"use_case": use_case.name, "limit": use_case.config.validation.max_bad_fraction}


def longest_pause(schedule: str) -> dt.timedelta:
    """The longest time between two of a cron expression's next moments: of working days, the weekend."""
    times = croniter(schedule, _BEGIN)
    moments: list[dt.datetime] = [times.get_next(dt.datetime) for _ in range(_TIMES)]
    return max(later - earlier for earlier, later in pairwise(moments))
