"""What the page draws, number by number."""

import datetime as dt
import doctest

import pytest
from platform_page import scale as scales
from platform_page import words
from platform_page.charts import HEIGHT, WIDTH, Sample, bar_chart, decade_chart, line_chart
from platform_page.heat_map import heat_map
from platform_page.scale import decades, scale

from ml.monitoring.measure import Measure
from ml.overview.drift_map import Cell, DriftCheck, DriftMap

DAY = dt.timedelta(days=1)
START = dt.datetime(2026, 1, 30, tzinfo=dt.UTC)
STEPS = [START + n * DAY for n in range(4)]


@pytest.mark.parametrize(
    ("values", "from_zero", "ticks"),
    [
        ([0.78, 0.83], False, [0.78, 0.8, 0.82, 0.84]),
        ([7], True, [0, 2, 4, 6, 8]),
        ([-3, 5], False, [-4, -2, 0, 2, 4, 6]),
        ([0, 0], True, [0, 0.25, 0.5, 0.75, 1]),
        ([], True, [0, 0.25, 0.5, 0.75, 1]),
        ([123456], True, [0, 50000, 100000, 150000]),
    ],
)
def test_an_axis_has_round_ends_that_hold_all_values(values, from_zero, ticks):
    assert scale(values, top=0, bottom=100, from_zero=from_zero).ticks == pytest.approx(ticks)


def test_the_ends_of_an_axis_are_the_ends_of_the_drawing():
    axis = scale([0, 10], top=10, bottom=110)

    assert (axis.y(0), axis.y(5), axis.y(10)) == (110, 60, 10)
    assert axis.y(99) == 10


def test_a_logarithmic_axis_goes_from_one_power_of_ten_to_another():
    assert decades([0.3, 2.5, 40], top=0, bottom=100).ticks == [-1, 0, 1, 2]
    assert decades([1], top=0, bottom=100).ticks == [0, 1]


def test_a_bar_is_as_high_as_its_parts_and_stands_on_the_ground():
    chart = bar_chart(STEPS, [[100, 50, 0, 0], [0, 50, 0, 100]])

    ground, top = HEIGHT - 22, 10
    full, halves, empty, upper = (bar.parts for bar in chart.bars)
    assert [(p.series, p.y, p.height) for p in full] == [(0, top, ground - top)]
    assert [(p.series, p.y + p.height) for p in halves] == [(0, ground), (1, halves[0].y)]
    assert halves[1].y == top
    assert empty == []
    assert [(p.series, p.y) for p in upper] == [(1, top)]
    assert all(bar.x >= 0 and bar.x + bar.width <= WIDTH for bar in chart.bars)


def test_the_smallest_part_of_a_bar_can_still_be_seen():
    ((_, tiny),) = [bar.parts for bar in bar_chart(STEPS[:1], [[100_000], [1]]).bars]

    assert tiny.height == 1


def test_a_chart_of_nothing_has_no_axis():
    assert bar_chart(STEPS, [[0, 0, 0, 0]]).frame.ticks == []
    assert line_chart(START, START + 4 * DAY, [[]], level=0.8, gap=DAY).frame.ticks == []
    assert line_chart(START, START + 4 * DAY, [[]], level=0.8, gap=DAY).level is None
    assert decade_chart(START, START + 4 * DAY, [[]], gap=DAY).frame.ticks == []


def test_a_line_is_broken_where_days_are_missing_and_a_lonely_value_is_a_dot():
    samples = [Sample(START + n * DAY, 1 + n, n, 2 + n) for n in (0, 1, 4)]

    (line,) = line_chart(START, START + 5 * DAY, [samples], gap=1.5 * DAY).lines

    assert [len(stretch.split()) for stretch in line.stretches] == [2]
    assert len(line.dots) == 1
    assert [len(area.split()) for area in line.areas] == [4]


def test_a_line_without_intervals_has_no_area():
    samples = [Sample(START + n * DAY, 1 + n) for n in range(3)]

    (line,) = line_chart(START, START + 3 * DAY, [samples], gap=2 * DAY).lines

    assert line.areas == []


def test_the_reference_is_within_the_drawing_though_no_value_is_near_it():
    samples = [Sample(START, 0.5), Sample(START + DAY, 0.5)]

    chart = line_chart(START, START + 2 * DAY, [samples], level=0.9, gap=2 * DAY)

    assert 10 <= chart.level < HEIGHT - 22


def check(state, standing="ok"):
    return DriftCheck(1, "3", START, START + DAY, 1200, state, standing, None)


def cell(value, drifted=False):
    return Cell(Measure("psi", value, limit=0.2, drifted=drifted), check("ok"))


def test_a_cell_is_the_darker_the_nearer_to_its_limit_and_marked_beyond():
    cells = [cell(0), cell(0.1), cell(0.19), cell(0.5), cell(0.5, drifted=True), None]
    found = heat_map(DriftMap(STEPS, [None] * 4, {"age": cells}))

    ((name, row),) = found.rows
    assert name == "age"
    assert [c.css for c in row] == ["h0", "h2", "h4", "h4", "confirmed", "none"]
    assert [c.mark for c in row] == ["", "", "", "", "▲", ""]
    assert row[4].text == "PSI 0.5 (limit 0.2): drift"
    assert row[5].text == "not checked"


def test_a_check_says_in_words_what_it_found():
    checks = [check("ok"), check("drift", "suspected"), check("drift", "confirmed"), check("insufficient_data")]

    found = heat_map(DriftMap(STEPS, checks, {})).checks

    assert [c.text.split(",")[0] for _, c in found] == ["no drift", "drift suspected", "drift", "too few rows"]
    assert [c.css for _, c in found] == ["ok", "suspected", "confirmed", "insufficient_data"]


def test_months_span_their_days():
    assert heat_map(DriftMap(STEPS, [None] * 4, {})).months == [("Jan 2026", 2), ("Feb 2026", 2)]


@pytest.mark.parametrize(
    ("said", "words_"),
    [
        (words.seconds(0.00172), "1.7 ms"), (words.seconds(0.25), "250 ms"), (words.seconds(4.2), "4.2 s"),
        (words.seconds(93), "1 min 33 s"), (words.seconds(5400), "1 h 30 min"), (words.seconds(None), "–"),
        (words.percent(0.1234), "12.3 %"), (words.percent(0.00012), "0.012 %"), (words.percent(None), "–"),
        (words.short(1500), "1.5k"), (words.short(2e6), "2M"), (words.short(0.8), "0.8"),
        (words.number(12345), "12,345"), (words.figure(0.79), "0.7900"), (words.figure(None), "–"),
        (words.instant(START), "2026-01-30 00:00"), (words.instant(None), "–"), (words.day(START), "30 Jan"),
        (words.ago(START, START + DAY / 288), "5 min ago"), (words.ago(START, START + 5 * DAY), "5 days ago"),
        (words.ago(START, START - DAY), "0 min ago"),
    ],
)  # fmt: skip
def test_figures_are_written_as_people_read_them(said, words_):
    assert said == words_


@pytest.mark.parametrize("module", [scales, words])
def test_the_examples_in_the_docs_are_true(module):
    found = doctest.testmod(module)

    assert found.attempted > 0
    assert found.failed == 0
