"""Figures and times as people read them."""

from __future__ import annotations

import datetime as dt


def instant(moment: dt.datetime | None) -> str:
    """To the minute, in UTC; the page says so once."""
    return "–" if moment is None else f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def day(moment: dt.datetime) -> str:
    """Day and month."""
    return f"{moment.day} {moment:%b}"


def number(value: float | None) -> str:
    """With separators; – for none."""
    return "–" if value is None else f"{value:,}"


def short(value: float) -> str:
    """For the axis of a chart.

    >>> short(1500), short(2_000_000), short(0.8)
    ('1.5k', '2M', '0.8')
    """
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:g}{unit}"
    return f"{value:g}"


def figure(value: float | None) -> str:
    """Four digits behind the point."""
    return "–" if value is None else f"{value:.4f}"


def percent(share: float | None) -> str:
    """Of a share; finer where it is small.

    >>> percent(0.1234), percent(0.00012), percent(0)
    ('12.3 %', '0.012 %', '0.0 %')
    """
    if share is None:
        return "–"
    return f"{100 * share:.1f} %" if share >= 0.001 or not share else f"{100 * share:.2g} %"


def seconds(value: float | None) -> str:
    """A length of time.

    >>> seconds(0.00172), seconds(4.2), seconds(93), seconds(5400)
    ('1.7 ms', '4.2 s', '1 min 33 s', '1 h 30 min')
    """
    if value is None:
        return "–"
    if value < 1:
        return f"{1000 * value:.2g} ms" if value < 0.1 else f"{1000 * value:.0f} ms"
    if value < 60:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def ago(moment: dt.datetime, now: dt.datetime) -> str:
    """How long since, roughly.

    >>> day = dt.datetime(2026, 1, 3, tzinfo=dt.UTC)
    >>> ago(day, day + dt.timedelta(hours=5)), ago(day, day + dt.timedelta(days=3))
    ('5 h ago', '3 days ago')
    """
    gone = max(now - moment, dt.timedelta())
    if gone < dt.timedelta(hours=1):
        return f"{int(gone.total_seconds() // 60)} min ago"
    if gone < dt.timedelta(days=2):
        return f"{int(gone.total_seconds() // 3600)} h ago"
    return f"{gone.days} days ago"


FILTERS = ("instant", "day", "number", "short", "figure", "percent", "seconds", "ago")
"""What templates may call."""
