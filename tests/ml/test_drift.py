"""A window of the inference log, checked against what the version was trained on."""

import datetime as dt
import json
from dataclasses import asdict, replace
from pathlib import Path
from urllib.request import url2pathname

import psycopg2
import pytest
from psycopg2.extras import RealDictCursor

from ml import drift
from ml.errors import ReferenceUnusable
from tests.conftest import REPOSITORY
from tests.ml.drift_cases import END, INSIDE, START, log_inferences, make_use_case, remember_training, rows

DAY = dt.timedelta(days=1)


@pytest.fixture
def use_case(tmp_path, settings):
    """Version 1 is trained on 5,000 rows."""
    made = make_use_case(tmp_path / "use_cases")
    remember_training(settings, made, "1", rows(5_000))
    return made


@pytest.fixture
def settings(settings, tmp_path):
    return settings.model_copy(update={"use_cases_dir": tmp_path / "use_cases"})


@pytest.fixture
def check(settings, use_case):
    def check(version="1", start=START, end=END):
        return drift.check_version(settings, use_case, version, window_start=start, window_end=end)

    return check


@pytest.fixture
def reports(database_url):
    def read():
        connection = psycopg2.connect(database_url, cursor_factory=RealDictCursor)
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT * FROM ml.drift_reports ORDER BY id")
                return cursor.fetchall()
        finally:
            connection.close()

    return read


@pytest.fixture
def drifting(settings, use_case):
    log_inferences(settings, use_case, "1", rows(1_000, seed=1, shift=10))


def test_what_a_version_was_asked_as_a_shadow_is_no_part_of_its_window(settings, use_case, check):
    log_inferences(settings, use_case, "1", rows(1_000, seed=1))
    log_inferences(
        settings, use_case, "1", rows(1_000, seed=1, shift=10), at=INSIDE + dt.timedelta(seconds=1), role="shadow",
        shadow_of="018d61f7-17ff-775a-b035-ab6aa95a7b31",
    )  # fmt: skip
    report = check()
    assert (report.n_rows, report.state) == (1_000, "ok")


def test_a_window_like_the_training_data_is_ok(settings, use_case, check, reports):
    log_inferences(settings, use_case, "1", rows(1_000, seed=1))
    result = check()
    assert (result.state, result.n_rows, result.drifted, result.retrain) == ("ok", 1_000, [], False)
    assert [(r["id"], r["state"], r["n_rows"]) for r in reports()] == [(result.report_id, "ok", 1_000)]


def test_a_shifted_window_drifts_and_wants_a_retraining(drifting, check):
    result = check()
    found, together = result.drifted
    assert (together["column"], together["statistic"]) == ("all columns together", "roc_auc")
    assert (result.state, result.retrain, found["column"], found["statistic"], found["limit"]) == (
        "drift", True, "bill.mean", "psi", 0.2
    )  # fmt: skip
    assert found["value"] > 0.5


def test_the_result_goes_through_json(drifting, check):
    result = check()
    assert drift.DriftResult(**json.loads(json.dumps(asdict(result)))) == result


def test_the_window_holds_its_start_and_not_its_end(settings, use_case, check):
    log_inferences(settings, use_case, "1", rows(3), at=START)
    log_inferences(settings, use_case, "1", rows(5), at=END)
    log_inferences(settings, use_case, "1", rows(7), at=START - dt.timedelta(microseconds=1000))
    assert check().n_rows == 3


def test_only_the_checked_versions_inferences_count(settings, use_case, check):
    log_inferences(settings, use_case, "1", rows(3))
    log_inferences(settings, use_case, "2", rows(5))
    log_inferences(settings, use_case, "1", rows(7), model_name="another-model")
    assert check().n_rows == 3


def test_a_version_is_compared_with_its_own_training_data_not_with_the_newest(settings, use_case, drifting, check):
    remember_training(settings, use_case, "2", rows(5_000, shift=10))
    log_inferences(settings, use_case, "2", rows(1_000, seed=1, shift=10))
    assert (check("1").state, check("2").state) == ("drift", "ok")


def test_a_version_without_training_record_is_named(check):
    with pytest.raises(ReferenceUnusable, match=r"version 7 of 'calls-model'.*ml\.training_data has no row"):
        check("7")


def test_statistics_of_a_later_format_are_refused(settings, use_case, check, database_url):
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("""UPDATE ml.training_data SET feature_stats = feature_stats || '{"format": 2}'""")
    connection.close()
    with pytest.raises(ReferenceUnusable, match="feature_stats: format"):
        check()


@pytest.mark.parametrize(
    ("start", "end"), [(END, START), (START, START), (START.replace(tzinfo=None), END.replace(tzinfo=None))]
)
def test_a_window_without_length_or_time_zone_is_refused(check, start, end):
    with pytest.raises(ValueError, match="no window"):
        check(start=start, end=end)


def test_a_repeated_check_changes_nothing(drifting, check, reports):
    first, row = check(), reports()
    page = Path(first.report_path).read_bytes()
    assert check() == first
    assert reports() == row
    assert Path(first.report_path).read_bytes() == page


def test_late_rows_update_the_report_of_the_same_window(settings, use_case, drifting, check, reports):
    first = check()
    log_inferences(settings, use_case, "1", rows(20_000, seed=1), at=INSIDE + DAY)
    second = check()
    assert (second.report_id, second.report_path, second.state) == (first.report_id, first.report_path, "ok")
    assert len(reports()) == 1


def test_the_report_keeps_histograms_and_what_was_answered(drifting, check, reports):
    check()
    (report,) = reports()
    plan = next(c for c in report["columns"] if c["column"] == "Plan A")
    assert plan["bins"] == ["x", "other", "y", "not in the contract", "null"]
    assert (sum(plan["reference"]), sum(plan["window"])) == (5_000, 1_000)
    assert report["predictions"] == {
        "mean_probability": 0.25, "positive_share": 0, "counts": [0, 0, 1000, 0, 0, 0, 0, 0, 0, 0, 0]
    }  # fmt: skip


def test_the_message_names_columns_figures_and_the_page(drifting, check):
    result = check()
    message = drift.describe(result)
    assert f"bill.mean PSI {result.drifted[0]['value']:.3g} (limit 0.2)" in message
    assert "Drift. In the 1,000 predictions of calls-model version 1" in message
    assert "1 of 3 columns" in message
    assert "A retraining is being started." in message
    assert url2pathname(message.rpartition("file://")[2]) == result.report_path


def test_the_page_is_whole_in_one_file_and_escapes_what_others_wrote(drifting, check):
    page = Path(check().report_path).read_text(encoding="utf-8")
    assert page.lstrip().startswith("<!doctype html>")
    assert "Calls &lt;b&gt;to&lt;/b&gt; clients" in page
    assert "<i>" not in page
    assert "<script" not in page
    assert 'src="' not in page
    assert page.count("<article") == 3 + 1  # the columns, and what the model answered


def test_the_page_of_a_window_without_rows_can_be_written(check):
    result = check()
    assert "made 0 predictions" in Path(result.report_path).read_text(encoding="utf-8")


def test_a_page_that_cannot_be_written_leaves_no_row(settings, drifting, check, reports):
    settings.reports_dir.parent.mkdir(parents=True)
    settings.reports_dir.write_text("in the way")
    with pytest.raises(NotADirectoryError):
        check()
    assert reports() == []


def test_a_retraining_is_recorded_once_and_shown_on_the_page(settings, drifting, check, reports):
    result = check()
    drift.record_retraining(settings, result.report_id, "run-a")
    drift.record_retraining(settings, result.report_id, "run-b")
    assert [r["retraining"] for r in reports()] == ["run-a"]
    assert "It started the retraining run-a." in Path(result.report_path).read_text(encoding="utf-8")


def test_a_report_that_started_a_retraining_starts_no_other(settings, drifting, check):
    drift.record_retraining(settings, check().report_id, "run-a")
    again = check()
    assert (again.state, again.retrain, again.action) == ("drift", False, "It started the retraining run-a.")


def test_recording_for_a_report_that_is_not_there_is_refused(settings):
    with pytest.raises(KeyError, match="no drift report 99"):
        drift.record_retraining(settings, 99, "run-a")


def each_day(settings, check, days):
    """Checks windows that end a day later each, starting what is wanted; says for which that was."""
    wanted = []
    for day in days:
        result = check(start=START, end=END + day * DAY)
        assert result.state == "drift"
        if result.retrain:
            drift.record_retraining(settings, result.report_id, f"run-{day}")
            wanted.append(day)
    return wanted


@pytest.fixture
def always_drifting(settings, use_case):
    log_inferences(settings, use_case, "1", rows(1_000, seed=1, shift=10), at=START)


def test_drift_ten_days_in_a_row_starts_one_retraining_per_cooldown(settings, always_drifting, check):
    assert each_day(settings, check, range(10)) == [0, 7]


def test_days_checked_in_another_order_start_no_two_retrainings_in_one_cooldown(settings, always_drifting, check):
    assert each_day(settings, check, [5, 2, 0, 9, 11, 12, 3]) == [5, 12]


def test_the_message_in_the_cooldown_says_which_run_and_how_long(settings, always_drifting, check):
    each_day(settings, check, [0])
    result = check(end=END + DAY)
    assert result.action == (
        "No further retraining: run-0 was started for another window, "
        "and the cooldown lasts until 2026-01-15 00:00 UTC."
    )


def test_the_cooldown_holds_for_the_next_version_too(settings, use_case, always_drifting, check):
    each_day(settings, check, [0])
    remember_training(settings, use_case, "2", rows(5_000))
    log_inferences(settings, use_case, "2", rows(1_000, seed=1, shift=10), at=START)
    result = check("2")
    assert (result.state, result.retrain) == ("drift", False)


def test_without_cooldown_each_window_starts_one(settings, use_case, always_drifting, tmp_path):
    eager = make_use_case(tmp_path / "eager", cooldown_days=0)
    checks = [
        drift.check_version(settings, eager, "1", window_start=START, window_end=END + day * DAY) for day in range(3)
    ]
    assert [c.retrain for c in checks] == [True, True, True]
    drift.record_retraining(settings, checks[0].report_id, "run-a")
    assert drift.check_version(settings, eager, "1", window_start=START, window_end=END + DAY).retrain


def test_the_page_is_named_by_version_and_window_and_stays_in_its_folder(settings, use_case, check):
    path = Path(check().report_path)
    assert path.parent == (settings.reports_dir / "drift").resolve()
    assert path.name == "calls-calls-model-1-2026-01-01T000000Z-2026-01-08T000000Z.html"
    zone = dt.timezone(dt.timedelta(hours=2))
    assert check(start=START.astimezone(zone), end=END.astimezone(zone)).report_path == str(path)


def test_a_result_without_drift_says_what_came_nearest(settings, use_case, check):
    log_inferences(settings, use_case, "1", rows(1_000, seed=1))
    message = drift.describe(check())
    assert message.startswith("No drift. In the 1,000 predictions of calls-model version 1 from 2026-01-01 00:00")
    assert "none of 3 columns moved by more than its limit and chance. Nearest to its limit: " in message
    assert "No retraining is needed." in message


def test_a_message_names_ten_columns_and_counts_the_rest(drifting, check):
    from ml.monitoring.drift_store import DriftReport, Predictions
    from ml.monitoring.drift_words import verdict
    from ml.monitoring.measure import Measure

    result = check()
    column = drift.ColumnDrift("c", "number", [Measure("psi", 1.0, limit=0.2)], True, [], [], [])
    columns = [replace(column, column=f"c{i}") for i in range(12)]
    report = DriftReport(
        "u", "m", "1", START, END, 1, "drift", columns, Predictions(None, None, []), result.report_path
    )
    assert verdict(report, 1).endswith("c9 PSI 1 (limit 0.2) and 2 more.")


@pytest.fixture
def careful(settings, tmp_path):
    """Drift is confirmed once two of the last three windows have it."""
    return make_use_case(tmp_path / "careful", confirm={"violations": 2, "windows": 3})


def on_day(settings, use_case, day, version="1"):
    start = START + day * DAY
    return drift.check_version(settings, use_case, version, window_start=start, window_end=start + DAY)


def test_drift_is_suspected_until_enough_of_the_last_windows_have_it(settings, use_case, careful, reports):
    for day, shift in enumerate([0, 10, 0, 10, 10, 0]):
        log_inferences(settings, use_case, "1", rows(500, seed=day, shift=shift), at=START + day * DAY)
    found = [on_day(settings, careful, day) for day in range(6)]
    assert [r.standing for r in found] == ["ok", "suspected", "ok", "confirmed", "confirmed", "ok"]
    assert [r.retrain for r in found] == [False, False, False, True, True, False]
    assert [r["standing"] for r in reports()] == [r.standing for r in found]
    assert [r.state for r in found] == ["ok", "drift", "ok", "drift", "drift", "ok"]


def test_the_message_of_a_suspicion_says_what_confirms_it(settings, use_case, careful):
    log_inferences(settings, use_case, "1", rows(500, shift=10), at=START)
    message = drift.describe(on_day(settings, careful, 0))
    assert message.startswith("Drift suspected. In the 500 predictions")
    assert "No retraining yet: drift is confirmed once 2 of the last 3 windows have it." in message


def test_windows_with_too_few_rows_neither_confirm_nor_break_a_suspicion(settings, use_case, careful):
    for day, n_rows in enumerate([500, 10, 500]):
        log_inferences(settings, use_case, "1", rows(n_rows, seed=day, shift=10), at=START + day * DAY)
    assert [on_day(settings, careful, day).standing for day in range(3)] == ["suspected", "ok", "confirmed"]


def test_what_one_version_was_suspected_of_does_not_count_against_the_next(settings, use_case, careful):
    remember_training(settings, use_case, "2", rows(5_000))
    log_inferences(settings, use_case, "1", rows(500, shift=10), at=START)
    log_inferences(settings, use_case, "2", rows(500, shift=10), at=START + DAY)
    assert on_day(settings, careful, 0).standing == "suspected"
    assert on_day(settings, careful, 1, version="2").standing == "suspected"


def test_the_page_shows_the_windows_before(settings, use_case, check):
    for day in range(3):
        log_inferences(settings, use_case, "1", rows(500, seed=day, shift=4 * day), at=START + day * DAY)
    pages = [Path(on_day(settings, use_case, day).report_path).read_text(encoding="utf-8") for day in range(3)]
    assert "polyline points" not in pages[0]
    assert pages[0].count("first window") == 4
    assert pages[2].count("The last 3 windows") == 4


def test_outcomes_that_arrived_are_compared_with_the_labels_of_training(settings, use_case, check, database_url):
    remember_training(settings, use_case, "2", rows(5_000), labels=[0] * 4_500 + [1] * 500)
    log_inferences(settings, use_case, "2", rows(1_000, seed=1))
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at) SELECT inference_id, use_case,"
            " (row_number() OVER ())::int % 2, now() FROM ml.inference_logs LIMIT 600"
        )
    connection.close()
    result = check("2")
    assert [c["column"] for c in result.drifted] == ["outcome"]
    assert "The share of positive outcomes moved: PSI" in result.verdict
    assert "Outcomes that have arrived" in Path(result.report_path).read_text(encoding="utf-8")


def test_answers_that_moved_while_the_inputs_did_not_are_drift(settings, use_case, check):
    remember_training(settings, use_case, "2", rows(5_000), probabilities=[i / 1_000 for i in range(1_000)])
    log_inferences(settings, use_case, "2", rows(1_000, seed=1), probability=0.25)
    assert [c["column"] for c in check("2").drifted] == ["prediction"]


def test_figures_of_performance_are_shown_where_they_are_known(settings, use_case, drifting, check, database_url):
    assert "Not known yet" in Path(check().report_path).read_text(encoding="utf-8")
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ml.performance (use_case, model_name, model_version, window_start, window_end, kind, metric,"
            " value, low, high, n_rows) VALUES ('calls', 'calls-model', '1', %s, %s, 'realised', 'roc_auc', 0.771,"
            " 0.75, 0.79, 1000)",
            (START, END),
        )
    connection.close()
    page = Path(check().report_path).read_text(encoding="utf-8")
    assert "<td>by outcomes</td><td>0.771</td><td>0.750 to 0.790</td><td>1,000</td>" in page


def test_reports_of_before_there_was_a_standing_keep_theirs(postgres):
    url = postgres.url("before_standing", "ml_platform")
    postgres.ensure_database("before_standing", owner="ml_platform")
    migrations = sorted((REPOSITORY / "ml" / "migrations").glob("*.sql"))
    with psycopg2.connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(migrations[0].read_text())
        for day, state in enumerate(["ok", "drift", "insufficient_data"]):
            cursor.execute(
                "INSERT INTO ml.drift_reports (use_case, model_name, model_version, window_start, window_end, n_rows,"
                " state, columns, predictions, report) VALUES ('u', 'm', '1', %s, %s, 0, %s, '[]', '{}', '')",
                (START, END + day * DAY, state),
            )
        cursor.execute(migrations[1].read_text())
        cursor.execute("SELECT state, standing FROM ml.drift_reports ORDER BY id")
        assert cursor.fetchall() == [("ok", "ok"), ("drift", "confirmed"), ("insufficient_data", "ok")]
    connection.close()
