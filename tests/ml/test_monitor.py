"""The newest inferences beside the training data, for the terminal."""

import datetime as dt
import re

import pytest

from ml.monitoring.monitor import monitor_version
from tests.ml.drift_cases import INSIDE, log_inferences, make_use_case, remember_training, rows


@pytest.fixture
def use_case(tmp_path, settings):
    made = make_use_case(tmp_path)
    remember_training(settings, made, "1", rows(5_000))
    log_inferences(settings, made, "1", rows(400, seed=1, shift=30), at=INSIDE)
    log_inferences(settings, made, "1", rows(300, seed=2), at=INSIDE + dt.timedelta(hours=1))
    return made


def test_the_newest_inferences_are_looked_at(settings, use_case):
    found = monitor_version(settings, use_case, "1", last=300)
    assert (found.model_version, found.n_rows) == ("1", 300)
    assert [line[:7] for line in found.lines[1:]] == ["[OK]   "] * 4


def test_a_column_that_moved_is_marked_and_shown_with_its_figures(settings, use_case):
    head, first, *others = monitor_version(settings, use_case, "1", last=500).lines
    assert head == "calls-model version 1: its last 500 inferences and its training data"
    assert first.startswith("[DRIFT] bill.mean             PSI ")
    # 300 rows around 50 and 200 of the 400 around 80; which of these are the last, their ids say.
    assert re.search(r"mean 49\.95 → 6[12]\.\d+", first)
    assert first.endswith("count 5000 → 500")
    assert others[0].startswith("[DRIFT] all columns together  ROC AUC 0.6")
    assert [line[:4] for line in others[1:]] == ["[OK]", "[OK]"]
    assert "mean" not in next(line for line in others if "Plan A" in line)


def test_nothing_is_written(settings, use_case, database_url):
    import psycopg2

    monitor_version(settings, use_case, "1")
    connection = psycopg2.connect(database_url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ml.drift_reports")
        assert cursor.fetchone() == (0,)
    connection.close()


def test_without_inferences_it_says_so(settings, use_case):
    remember_training(settings, use_case, "2", rows(100))
    assert monitor_version(settings, use_case, "2").lines == [
        "calls-model version 2: its last 0 inferences and its training data: there are no inferences yet."
    ]
