"""Geometry of the page's charts over time; the templates draw them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from math import log10

from platform_page.scale import Scale, decades, scale

WIDTH, HEIGHT = 560, 170
_LEFT, _RIGHT, _TOP, _BOTTOM = 52, 6, 10, 22
_DATES = 6
"""So many dates, at most, stand below a chart."""


@dataclass(frozen=True)
class Frame:
    """What surrounds a chart: lines with values at the left, dates below."""

    ticks: list[tuple[float, float]]
    dates: list[tuple[float, dt.datetime]]


@dataclass(frozen=True)
class Part:
    """A piece of a bar; ``series`` is its place among the chart's series."""

    series: int
    y: float
    height: float


@dataclass(frozen=True)
class Bar:
    """The bar of a step; without parts where there is nothing."""

    step: int
    x: float
    width: float
    parts: list[Part]


@dataclass(frozen=True)
class BarChart:
    """Series stacked over each other, a bar a step."""

    frame: Frame
    bars: list[Bar]


@dataclass(frozen=True)
class Line:
    """Values over time: the stretches without a gap, each as the points of a polyline; and the area of its interval."""

    stretches: list[str]
    areas: list[str]
    dots: list[tuple[float, float]]


@dataclass(frozen=True)
class LineChart:
    """Lines over the same axis; ``level`` is the height of a line of reference, None without one."""

    frame: Frame
    lines: list[Line]
    level: float | None


@dataclass(frozen=True)
class Sample:
    """A value at a time, with its interval where it has one."""

    at: dt.datetime
    value: float
    low: float | None = None
    high: float | None = None


def bar_chart(steps: Sequence[dt.datetime], series: Sequence[Sequence[float]]) -> BarChart:
    """``series`` have a value for each step; the first lies at the bottom."""
    totals = [sum(values) for values in zip(*series, strict=True)]
    axis = scale(totals, top=_TOP, bottom=HEIGHT - _BOTTOM, from_zero=True)
    slot = (WIDTH - _LEFT - _RIGHT) / max(len(steps), 1)
    bars = [
        Bar(
            n,
            round(_LEFT + (n + 0.1) * slot, 1),
            round(0.8 * slot, 1),
            _stacked(axis, [values[n] for values in series]),
        )
        for n in range(len(steps))
    ]
    dates = [(round(_LEFT + (n + 0.5) * slot, 1), steps[n]) for n in _dated(len(steps))]
    return BarChart(Frame([(axis.y(t), t) for t in axis.ticks] if any(totals) else [], dates), bars)


def line_chart(
    start: dt.datetime,
    end: dt.datetime,
    lines: Sequence[Sequence[Sample]],
    *,
    level: float | None = None,
    gap: dt.timedelta,
) -> LineChart:
    """Samples further apart than ``gap`` are not joined; ``level`` is drawn where there are samples."""
    shown = [sample for line in lines for sample in line]
    values = [value for s in shown for value in (s.value, s.low, s.high) if value is not None]
    level = level if values else None
    axis = scale(values if level is None else [*values, level], top=_TOP, bottom=HEIGHT - _BOTTOM)
    ticks = [(axis.y(tick), tick) for tick in axis.ticks] if values else []
    return _drawn(axis, ticks, _Time(start, end), lines, gap, None if level is None else axis.y(level))


def decade_chart(
    start: dt.datetime, end: dt.datetime, lines: Sequence[Sequence[Sample]], *, gap: dt.timedelta
) -> LineChart:
    """Of positive values that lie powers of ten apart, on a logarithmic axis."""
    values = [sample.value for line in lines for sample in line]
    axis = decades(values, top=_TOP, bottom=HEIGHT - _BOTTOM)
    powers = [[Sample(sample.at, log10(sample.value)) for sample in line] for line in lines]
    ticks = [(axis.y(tick), 10.0**tick) for tick in axis.ticks] if values else []
    return _drawn(axis, ticks, _Time(start, end), powers, gap, None)


def _drawn(
    axis: Scale,
    ticks: list[tuple[float, float]],
    time: _Time,
    lines: Sequence[Sequence[Sample]],
    gap: dt.timedelta,
    level: float | None,
) -> LineChart:
    dates = [time.start + dt.timedelta(days=n) for n in _dated((time.end - time.start).days)]
    frame = Frame(ticks, [(time.x(date), date) for date in dates])
    return LineChart(frame, [_line(axis, time, line, gap) for line in lines], level)


@dataclass(frozen=True)
class _Time:
    start: dt.datetime
    end: dt.datetime

    def x(self, moment: dt.datetime) -> float:
        share = (moment - self.start) / (self.end - self.start)
        return round(_LEFT + min(max(share, 0), 1) * (WIDTH - _LEFT - _RIGHT), 1)


def _stacked(axis: Scale, values: Sequence[float]) -> list[Part]:
    parts, below = [], 0.0
    for n, value in enumerate(values):
        if value:
            top, bottom = axis.y(below + value), axis.y(below)
            parts.append(
                Part(n, min(top, bottom - 1), max(round(bottom - top, 1), 1))
            )  # never thinner than can be seen
        below += value
    return parts


def _line(axis: Scale, time: _Time, samples: Sequence[Sample], gap: dt.timedelta) -> Line:
    stretches = _stretches(samples, gap)
    return Line(
        [" ".join(f"{time.x(s.at)},{axis.y(s.value)}" for s in stretch) for stretch in stretches if len(stretch) > 1],
        [area for stretch in stretches if (area := _area(axis, time, stretch))],
        [(time.x(stretch[0].at), axis.y(stretch[0].value)) for stretch in stretches if len(stretch) == 1],
    )


def _area(axis: Scale, time: _Time, stretch: Sequence[Sample]) -> str:
    """There along the upper ends, back along the lower ones; empty where fewer than two have an interval."""
    known = [(time.x(s.at), axis.y(s.low), axis.y(s.high)) for s in stretch if s.low is not None and s.high is not None]
    if len(known) < 2:
        return ""
    return " ".join([*(f"{x},{high}" for x, _, high in known), *(f"{x},{low}" for x, low, _ in reversed(known))])


def _stretches(samples: Sequence[Sample], gap: dt.timedelta) -> list[list[Sample]]:
    found: list[list[Sample]] = []
    for sample in samples:
        if found and sample.at - found[-1][-1].at <= gap:
            found[-1].append(sample)
        else:
            found.append([sample])
    return found


def _dated(count: int) -> list[int]:
    """The places, evenly apart, that get a date."""
    step = -(-count // _DATES) or 1
    return list(range(step // 2, count, step))
