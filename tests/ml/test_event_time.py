"""The rule of ml.contract.RowOrderDates."""

import datetime as dt

import pytest

from ml.ingest import ingest
from tests.ingestion import make_use_case, put, rows

MONTH = {"name": "month", "type": "category", "categories": ["jan", "dec"], "meaning": "Month"}
DAY = {"name": "day", "type": "integer", "meaning": "Day of the month"}


@pytest.fixture
def dated(settings, tmp_path):
    """Loads rows of (day, month); returns their dates and the note of the ledger."""
    derive = {"month": "month", "day": "day", "start": "2008-05-01", "until": "2010-11-30"}
    use_case = make_use_case(
        tmp_path, DAY, MONTH, event_time={"name": "contacted", "meaning": "Day", "derive": derive}
    )  # fmt: skip

    def load(*cells: str, name: str = "x.csv") -> tuple[list[str | None], str | None]:
        lines = "".join(f"{d},{m},north,{i},no\n" for i, (d, m) in enumerate(c.split() for c in cells))
        put(use_case, name, "day,month,place,amount,paid\n" + lines)
        (outcome,) = ingest(settings, use_case, run_id="r").files
        return [str(d) for (d,) in rows(settings, use_case, "_event_time")], outcome.reason

    load.settings, load.use_case = settings, use_case
    return load


def test_the_year_turns_where_the_month_falls(dated):
    assert dated("5 may", "30 dec", "1 jan", "2 JAN", "15 may", "14 may", "1 apr") == (
        ["2008-05-05", "2008-12-30", "2009-01-01", "2009-01-02", "2009-05-15", "2009-05-14", "2010-04-01"],
        None,
    )


def test_a_day_past_the_end_of_the_month_is_its_last_day(dated):
    assert dated("31 jun", "31 dec", "30 feb", "31 feb") == (
        ["2008-06-30", "2008-12-31", "2009-02-28", "2009-02-28"],
        None,
    )


def test_a_row_without_a_readable_date_takes_that_of_the_row_before(dated):
    assert dated("x may", "5 may", "6 foo", "32 jun", "0 jan", "7 jul", "x jan") == (
        ["2008-05-01", "2008-05-05", "2008-05-05", "2008-05-05", "2008-05-05", "2008-07-07", "2008-07-07"],
        None,
    )


def test_where_no_date_can_be_read_all_rows_take_the_start(dated):
    assert dated("x y", "y z") == (["2008-05-01", "2008-05-01"], None)


def test_a_file_in_no_order_of_time_takes_the_first_year_of_each_month_and_says_so(dated):
    dates, note = dated("1 dec", "1 jan", "1 dec", "1 jan", "1 may", "x y", "1 apr", "1 mar")
    assert dates == [
        "2008-12-01", "2009-01-01", "2008-12-01", "2009-01-01", "2008-05-01", "2008-05-01", "2009-04-01", "2009-03-01",
    ]  # fmt: skip
    assert note.startswith("The rows are in no order of time: their dates would run past 2010-11-30.")


def test_the_last_day_is_the_last_that_order_may_reach(dated):
    assert dated("1 dec", "1 nov", "1 jan", "30 nov") == (
        ["2008-12-01", "2009-11-01", "2010-01-01", "2010-11-30"],
        None,
    )


def test_one_day_past_the_last_means_no_order_of_time(dated):
    dates, note = dated("1 dec", "1 nov", "1 jan", "1 dec")
    assert dates == ["2008-12-01", "2008-11-01", "2009-01-01", "2008-12-01"]
    assert note is not None


def test_repeats_do_not_turn_the_year(dated):
    put(
        dated.use_case,
        "x.csv",
        "day,month,place,amount,paid\n5,may,north,1,no\n6,dec,north,1,no\n5,may,north,1,no\n7,dec,north,1,no\n",
    )
    (outcome,) = ingest(dated.settings, dated.use_case, run_id="r").files
    assert (outcome.rows_new, outcome.rows_repeated) == (3, 1)
    dates = [d for (d,) in rows(dated.settings, dated.use_case, "_event_time")]
    assert dates == [dt.date(2008, 5, 5), dt.date(2008, 12, 6), dt.date(2008, 12, 7)]
