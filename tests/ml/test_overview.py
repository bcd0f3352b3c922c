"""What the operator's views show, against what the tables hold."""

import datetime as dt
import json
from uuid import uuid4

import psycopg2
import pytest

from ml import store
from ml.errors import Unavailable
from ml.overview import data_quality, drift_map, live_performance, promotion_ledger, runs, serving_traffic, versions
from ml.overview.overview import overview
from ml.overview.period import Period, day_of
from ml.overview.reading import reading
from ml.overview.report_paths import report_path
from ml.overview.run_evidence import run_evidence
from ml.overview.serving_traffic import Traffic
from ml.overview.status import status
from ml.promotion import promotions
from ml.promotion.promotions import Entry
from ml.traffic import LATENCY_LIMITS
from tests.conftest import REPOSITORY
from tests.overview_history import DAY, HOUR, History, column_names, seed

BANK, MODEL = "bank_marketing", "bank-model"
NOW = dt.datetime(2026, 10, 31, 12, tzinfo=dt.UTC)
MONTH, YEAR = Period(NOW, 30), Period(NOW, 365)


@pytest.fixture
def cursor(database_url):
    with store.connect(database_url) as connection, connection.cursor() as cursor:
        yield cursor


@pytest.fixture(scope="module")
def past(postgres):
    """A database with a past, of all tests that only look; its address."""
    postgres.ensure_database("overview", owner="ml_platform")
    url = postgres.url("overview", "ml_platform")
    store.migrate(url)
    seed(url, history())
    return url


def history():
    return History(days=60, columns=5, until=MONTH.end)


@pytest.fixture
def past_cursor(past):
    with store.connect(past) as connection, connection.cursor() as cursor:
        yield cursor


def read(database_url, period=MONTH):
    return overview(database_url, BANK, MODEL, "roc_auc", period)


def test_a_period_ends_with_the_day_of_its_moment_and_has_a_step_a_day():
    assert (MONTH.start, MONTH.end) == (
        dt.datetime(2026, 10, 2, tzinfo=dt.UTC),
        dt.datetime(2026, 11, 1, tzinfo=dt.UTC),
    )
    assert MONTH.steps == [MONTH.start + n * DAY for n in range(30)]
    assert MONTH.step_of(NOW) == 29
    assert MONTH.step_of(MONTH.end) is None
    assert MONTH.step_of(MONTH.start - dt.timedelta(seconds=1)) is None


def test_a_year_is_shown_by_week():
    assert len(YEAR.steps) == 53
    assert YEAR.steps[-1] == YEAR.end - 7 * DAY
    assert YEAR.step_of(YEAR.end - DAY) == 52


def test_a_moment_without_a_time_zone_is_refused():
    with pytest.raises(ValueError, match="no time zone"):
        day_of(dt.datetime(2026, 1, 1))


def test_an_empty_database_gives_an_empty_view(database_url):
    found = read(database_url)

    assert found.status.is_empty
    assert found.status.production is found.status.challenger is found.status.file is found.status.drift is None
    assert [dag.runs for dag in found.status.dags] == [[]] * len(runs.KINDS)
    assert (found.files, found.ledger, found.drift.columns, found.performance.points) == ([], [], {}, [])
    assert {step.traffic.requests for step in found.traffic} == {0}
    assert {(step.rows_good, step.files) for step in found.quality} == {(0, 0)}


def test_there_is_a_dag_for_each_use_case_of_every_kind_that_is_shown():
    for_all = {"maintenance", "use_cases"}
    assert set(runs.KINDS) == {path.stem for path in (REPOSITORY / "dags").glob("*.py")} - for_all


def test_the_versions_are_those_of_the_ledger_with_what_training_left(past):
    standing = read(past).status

    version, promoted_at = history().promoted[-1]
    assert (standing.production.version, standing.production.since) == (version, promoted_at)
    assert standing.production.trained_at == dict(history().trainings)[version]
    assert (standing.production.metric, standing.production.n_train) == ("roc_auc", 36168)
    assert standing.challenger.version == history().trainings[-1][0]
    assert standing.challenger.since == history().trainings[-1][1] + dt.timedelta(minutes=30)
    assert standing.challenger.why == "shadow: a week beside production"


def put(cursor, version, stage, outcome="promoted", before=None):
    promotions.append(cursor, Entry(MODEL, before, version, stage, outcome, "anna", "cli", f"{stage} {version}"))


def test_a_challenger_that_was_promoted_challenges_nothing_any_more(cursor):
    put(cursor, "1", "Production")
    put(cursor, "2", "Challenger")
    assert versions.challenger(cursor, MODEL).version == "2"

    put(cursor, "2", "Production", before="1")

    assert versions.challenger(cursor, MODEL) is None
    assert versions.production(cursor, MODEL).version == "2"


def test_what_was_refused_or_put_elsewhere_is_not_in_production(cursor):
    put(cursor, "1", "Production")
    put(cursor, "2", "Production", outcome="refused")
    put(cursor, "3", "Staging")

    assert versions.production(cursor, MODEL).version == "1"


def test_a_version_trained_elsewhere_is_shown_without_figures(cursor):
    put(cursor, "7", "Production")

    found = versions.production(cursor, MODEL)

    assert (found.version, found.run_id, found.value) == ("7", None, None)


def run_task(cursor, dag, run, task, state, *, error=None, at=NOW, seconds=60):
    ended = None if state == "running" else at + dt.timedelta(seconds=seconds)
    cursor.execute(
        "INSERT INTO ml.task_runs (use_case, dag_id, run_id, task_id, try_number, state, error, run_after, started_at,"
        " ended_at) VALUES (%s, %s, %s, %s, 1, %s, %s, %s, %s, %s)",
        (BANK, f"{BANK}_{dag}", run, task, state, error, at, at, ended),
    )


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        (("success", "failed", "running"), "failed"),
        (("success", "running"), "running"),
        (("success", "up_for_retry"), "up_for_retry"),
        (("success", "skipped"), "success"),
        (("skipped", "skipped"), "skipped"),
    ],
)
def test_a_run_is_what_its_tasks_are(cursor, states, expected):
    for n, state in enumerate(states):
        run_task(cursor, "drift", "r", f"task_{n}", state)

    (run,) = next(dag.runs for dag in runs.last_runs(cursor, BANK, MONTH.start) if dag.kind == "drift")

    assert run.state == expected


def test_a_failed_run_names_the_task_that_failed_first_and_its_error(cursor):
    run_task(cursor, "train", "r", "gate", "failed", error="second", seconds=90)
    run_task(cursor, "train", "r", "fit", "failed", error="first", seconds=30)

    run = runs.last_runs(cursor, BANK, MONTH.start)[2].last

    assert (run.task, run.error, run.seconds) == ("fit", "first", 90)


def test_the_newest_runs_are_shown_and_the_newest_is_last(cursor):
    for n in range(5):
        run_task(cursor, "ingest", f"r{n}", "load", "success", at=NOW - n * HOUR)

    (ingest, *_) = runs.last_runs(cursor, BANK, MONTH.start, each=3)

    assert [run.run_id for run in ingest.runs] == ["r2", "r1", "r0"]


def test_a_dag_is_known_by_its_use_case_and_kind():
    assert runs.owner_of("bank_marketing_drift", [BANK]) == (BANK, "drift")
    assert runs.owner_of("bank_marketing_backup", [BANK]) is None
    assert runs.owner_of("platform_maintenance", [BANK]) is None


def test_rows_are_counted_on_the_day_their_file_was_loaded(past, past_cursor):
    found = read(past)

    past_cursor.execute(
        "SELECT sum(rows_good), sum(rows_quarantined), count(*) FROM ml.ingest_ledger WHERE at >= %s", (MONTH.start,)
    )
    sums = (
        sum(step.rows_good for step in found.quality),
        sum(step.rows_quarantined for step in found.quality),
        sum(step.files for step in found.quality),
    )
    assert sums == past_cursor.fetchone()
    bad = found.quality[-3]
    assert (bad.rows_good, bad.files_refused) == (0, 1)
    assert bad.quarantined_share == 1


def test_weeks_hold_the_same_rows_as_their_days(past):
    assert sum(s.rows_good for s in data_quality_of(past, Period(NOW, 60))) == sum(
        s.rows_good for s in data_quality_of(past, YEAR)
    )


def data_quality_of(database_url, period):
    with store.connect(database_url) as connection, connection.cursor() as cursor:
        return data_quality.steps(cursor, BANK, period)


def test_the_heat_map_has_a_row_for_each_column_and_marks_what_drifted(past):
    found = read(past).drift

    assert set(found.columns) == set(column_names(history()))
    drifted = [n for n, check in enumerate(found.checks) if check and check.state == "drift"]
    assert [found.steps[n] for n in drifted] == [history().until - n * DAY for n in (9, 8, 7)]
    assert [n for n, cell in enumerate(found.columns["column_02"]) if cell and cell.measure.drifted] == drifted
    assert next(iter(found.columns)) == "column_02", "what drifted comes first"
    assert found.last.window_end == history().until


def test_a_week_shows_its_worst_day(past):
    found = read(past, YEAR).drift

    step = YEAR.step_of(history().until - 8 * DAY)
    assert found.checks[step].label == "confirmed"
    assert found.columns["column_02"][step].ratio > 1


def drift_report(cursor, columns, *, end=MONTH.end, version="1", state="ok"):
    cursor.execute(
        "INSERT INTO ml.drift_reports (use_case, model_name, model_version, window_start, window_end, n_rows, state,"
        " columns, predictions, report) VALUES (%s, %s, %s, %s, %s, 9, %s, %s, '{}', 'x')",
        (BANK, MODEL, version, end - 7 * DAY, end, state, json.dumps(columns)),
    )


def test_reports_from_before_there_were_several_statistics_a_column_are_read_too(cursor):
    drift_report(cursor, [{"column": "age", "kind": "number", "value": 0.3, "limit": 0.2, "drifted": True}])

    (cell,) = [cell for cell in drift_map.drift_map(cursor, BANK, MONTH).columns["age"] if cell]

    assert (cell.measure.statistic, cell.measure.value, cell.ratio) == ("psi", 0.3, pytest.approx(1.5))


def test_of_two_checks_of_the_same_window_the_newer_counts(cursor):
    for version, value in (("1", 0.9), ("2", 0.1)):
        measure = {"statistic": "psi", "value": value, "limit": 0.2}
        drift_report(cursor, [{"column": "age", "drifted": False, "measures": [measure]}], version=version)

    found = drift_map.drift_map(cursor, BANK, MONTH)

    assert found.last.model_version == "2"
    assert found.columns["age"][-1].measure.value == 0.1


def test_of_a_week_that_counts_which_moved_most_in_its_limits(cursor):
    said = [("psi", 0.15, 0.2), ("roc_auc", 0.62, 0.65), ("ks", 9, None)]  # 0.75, 0.8 of its way from 0.5, not judged
    for n, (statistic, value, limit) in enumerate(said):
        measure = {"statistic": statistic, "value": value, "limit": limit}
        drift_report(cursor, [{"column": "age", "drifted": False, "measures": [measure]}], end=YEAR.end - n * DAY)

    cell = drift_map.drift_map(cursor, BANK, YEAR).columns["age"][-1]

    assert (cell.measure.statistic, cell.ratio) == ("roc_auc", pytest.approx(0.8))


def test_too_few_rows_say_nothing_of_a_column(cursor):
    measure = {"statistic": "psi", "value": 5, "limit": 0.2}
    drift_report(cursor, [{"column": "age", "drifted": True, "measures": [measure]}], state="insufficient_data")

    found = drift_map.drift_map(cursor, BANK, MONTH)

    assert (found.last.label, found.columns) == ("insufficient_data", {})


def test_performance_is_realised_as_far_as_labels_have_arrived_and_estimated_to_the_end(past):
    found = read(past).performance

    realised, estimated = found.of_kind("realised"), found.of_kind("estimated")
    assert realised[-1].end == history().until - 7 * DAY
    assert estimated[-1].end == history().until
    assert all(point.low < point.value < point.high for point in realised)
    assert {point.metric for point in found.points} == {"roc_auc"}
    assert {(p.metric, p.kind) for p in found.newest} >= {("brier", "realised"), ("ece", "estimated")}
    assert [v.window_start for v in found.verdicts if v.state == "fell"] == [
        history().until - n * DAY for n in (13, 12, 11)
    ]


def test_figures_of_slices_are_not_taken_for_those_of_all_rows(cursor):
    for column, value in (("", 0.8), ("job", 0.1)):
        cursor.execute(
            "INSERT INTO ml.performance (use_case, model_name, model_version, window_start, window_end, kind,"
            " slice_column, slice, metric, value, n_rows) VALUES (%s, %s, '1', %s, %s, 'realised', %s, '', 'roc_auc',"
            " %s, 9)",
            (BANK, MODEL, MONTH.end - DAY, MONTH.end, column, value),
        )

    found = live_performance.live_performance(cursor, BANK, MODEL, "roc_auc", MONTH)

    assert [point.value for point in found.points] == [0.8]


def test_the_ledger_shows_the_newest_entries_with_the_gates_evidence(past):
    newest, *_, first = read(past).ledger

    assert (newest.outcome, newest.actor, newest.to_version) == ("refused", "ben", history().trainings[-1][0])
    assert newest.gate.passed
    assert {rule.name for rule in newest.gate.rules} >= {"roc_auc", "slices", "latency"}
    assert (first.to_version, first.from_version, first.gate.against) == ("1", None, None)


def test_an_entry_of_a_version_that_was_never_judged_has_no_evidence(cursor):
    put(cursor, "1", "Production")

    (entry,) = promotion_ledger.ledger(cursor, MODEL)

    assert entry.gate is None


def traffic_of(cursor, hour, endpoint, requests, counts, *, failed=0, use_case=BANK):
    cursor.execute(
        "INSERT INTO ml.serving_traffic VALUES (%s, %s, %s, '1', %s, %s, 2, %s, %s)",
        (hour, str(uuid4()), use_case, endpoint, requests, failed, counts),
    )


def counts(**by_limit):
    return [by_limit.get(f"n{n}", 0) for n in range(len(LATENCY_LIMITS) + 1)]


def test_traffic_is_summed_over_processes_and_hours_of_a_day(cursor):
    for hour in (MONTH.end - 2 * HOUR, MONTH.end - 5 * HOUR):
        traffic_of(cursor, hour, "predict", 10, counts(n3=8, n4=2), failed=1)
    traffic_of(cursor, MONTH.end - HOUR, "batch", 5, counts(n4=5))
    traffic_of(cursor, MONTH.end - HOUR, "predict", 99, counts(n3=99), use_case="other")

    last = serving_traffic.traffic(cursor, BANK, MONTH)[-1].traffic

    assert (last.requests, last.client_errors, last.server_errors) == (25, 6, 2)
    assert (last.latency_counts[3], last.latency_counts[4]) == (16, 9)
    assert last.error_share == 2 / 25
    by_endpoint = serving_traffic.by_endpoint(cursor, BANK, MONTH.end - DAY)
    assert [(e.endpoint, e.traffic.requests) for e in by_endpoint] == [("predict", 20), ("batch", 5)]


def test_a_quantile_lies_between_the_limits_that_hold_it():
    found = Traffic(10, 0, 0, counts(n3=5, n4=5))

    assert found.quantile(0.5) == LATENCY_LIMITS[3]
    assert found.quantile(0.75) == pytest.approx((LATENCY_LIMITS[3] + LATENCY_LIMITS[4]) / 2)
    assert Traffic(1, 0, 0, [0] * len(LATENCY_LIMITS) + [1]).quantile(0.5) == LATENCY_LIMITS[-1]
    assert Traffic(0, 0, 0, counts()).quantile(0.5) is None


def test_a_good_day_raises_no_concern(past):
    assert read(past).status.concerns == []


def test_each_thing_that_went_wrong_is_told_once(cursor):
    measure = {"statistic": "psi", "value": 5, "limit": 0.2}
    drift_report(cursor, [{"column": "age", "drifted": True, "measures": [measure]}], state="drift")
    cursor.execute("UPDATE ml.drift_reports SET standing = 'suspected'")
    run_task(cursor, "drift", "r", "alert", "failed", error="Drift suspected.")
    run_task(cursor, "train", "r", "fit", "failed", error="no memory")
    traffic_of(cursor, NOW - HOUR, "predict", 100, counts(n3=100), failed=2)
    cursor.execute(
        "INSERT INTO ml.ingest_ledger (use_case, file_name, sha256, bytes, status, reason, run_id)"
        " VALUES (%s, 'a.csv', '', 1, 'rejected', 'no header', 'r')",
        (BANK,),
    )

    concerns = status(cursor, BANK, MODEL, NOW).concerns

    assert [(c.about, c.grave) for c in concerns] == [
        ("versions", True), ("data", True), ("traffic", True), ("runs", True), ("drift", False),
    ]  # fmt: skip
    assert concerns[3].text == "The last run of train failed at fit: no memory"
    assert "a.csv, was refused: no header" in concerns[1].text


def test_a_run_shows_its_tasks_and_what_was_written_while_it_ran(past, past_cursor):
    past_cursor.execute("SELECT max(run_after) FROM ml.task_runs WHERE dag_id = %s", (f"{BANK}_ingest",))
    ((due,),) = past_cursor.fetchall()

    found = run_evidence(past, BANK, MODEL, "ingest", f"{BANK}_ingest", f"scheduled__{due.isoformat()}")

    assert [task.task_id for task in found.tasks] == ["load", "report_rejected"]
    assert [file.file_name for file in found.files] == [f"calls-{due:%Y-%m-%d}.csv"]
    assert run_evidence(past, BANK, MODEL, "ingest", f"{BANK}_ingest", "nowhere") is None


@pytest.mark.parametrize("kind", ["validate", "train", "drift", "outcomes", "score"])
def test_a_run_of_every_kind_can_be_shown(past, past_cursor, kind):
    past_cursor.execute("SELECT run_id FROM ml.task_runs WHERE dag_id = %s LIMIT 1", (f"{BANK}_{kind}",))
    ((run_id,),) = past_cursor.fetchall()

    assert run_evidence(past, BANK, MODEL, kind, f"{BANK}_{kind}", run_id).run.run_id == run_id


@pytest.mark.parametrize(("kind", "found"), [("drift", "checks"), ("outcomes", "verdicts"), ("validate", "files")])
def test_a_run_shows_the_one_thing_that_it_found(past, past_cursor, kind, found):
    past_cursor.execute(
        "SELECT run_id FROM ml.task_runs WHERE dag_id = %s AND run_after > %s", (f"{BANK}_{kind}", NOW - 2 * DAY)
    )
    ((run_id,), *_) = past_cursor.fetchall()

    evidence = run_evidence(past, BANK, MODEL, kind, f"{BANK}_{kind}", run_id)

    assert {name: len(getattr(evidence, name)) for name in ("checks", "verdicts", "files")} == {
        "checks": 0, "verdicts": 0, "files": 0, found: 1,
    }  # fmt: skip


def test_a_training_run_shows_the_version_that_it_registered(database_url, cursor):
    seed(database_url, history())
    at = history().trainings[-1][1]
    cursor.execute(
        "UPDATE ml.training_data SET timestamp = %s WHERE model_version = '2'", (at + dt.timedelta(minutes=1),)
    )
    cursor.connection.commit()

    found = run_evidence(database_url, BANK, MODEL, "train", f"{BANK}_train", f"scheduled__{at.isoformat()}")

    assert "2" in [trained.version for trained in found.trained]


def test_a_run_of_the_promotion_shows_the_entry_that_it_made(database_url):
    now = dt.datetime.now(dt.UTC)
    with store.connect(database_url) as connection, connection.cursor() as cursor:
        run_task(cursor, "promote", "r", "promote", "success", at=now - dt.timedelta(seconds=30))
        put(cursor, "4", "Production")

    (entry,) = run_evidence(database_url, BANK, MODEL, "promote", f"{BANK}_promote", "r").promoted

    assert (entry.to_version, entry.actor, entry.gate) == ("4", "anna", None)


@pytest.fixture
def folder(settings):
    folder = settings.reports_dir / "drift"
    folder.mkdir(parents=True)
    (folder / "a.html").write_text("<p>report</p>")
    (settings.state_dir / "secret.html").write_text("secret")
    (folder / "link.html").symlink_to(settings.state_dir / "secret.html")
    (folder / "a.json").write_text("{}")
    (settings.reports_dir / "validation").mkdir()
    (settings.reports_dir / "validation" / "v.html").write_text("validation")
    return folder


def reported(settings, path):
    with store.connect(settings.database_url) as connection, connection.cursor() as cursor:
        drift_report(cursor, [])
        cursor.execute("UPDATE ml.drift_reports SET report = %s RETURNING id", (path,))
        return cursor.fetchall()[0][0]


def test_a_report_is_found_by_its_id(settings, folder):
    report_id = reported(settings, str(folder / "a.html"))

    assert report_path(settings, BANK, "drift", report_id) == folder / "a.html"
    assert report_path(settings, "customer_churn", "drift", report_id) is None, "of another use case"
    assert report_path(settings, BANK, "validation", report_id) is None, "of another kind"
    assert report_path(settings, BANK, "drift", report_id + 1) is None


@pytest.mark.parametrize(
    "path",
    [
        "{folder}/../../secret.html",
        "{folder}/link.html",
        "{folder}/../validation/v.html",
        "{folder}/a.json",
        "{folder}/gone.html",
        "{folder}/a.html\n",
        "{folder}",
        "/etc/passwd",
        "../secret.html",
        "",
    ],
)
def test_a_report_that_lies_elsewhere_is_not_given_out(settings, folder, path):
    report_id = reported(settings, path.format(folder=folder))

    assert report_path(settings, BANK, "drift", report_id) is None


def test_a_database_that_does_not_answer_is_said_to(settings):
    with pytest.raises(Unavailable):
        read("postgresql://nobody@/ml?host=/nowhere")


def test_the_views_change_nothing_and_wait_for_nothing_without_end(database_url):
    with reading(database_url) as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchall() == [("20s",)]
        with pytest.raises(psycopg2.errors.ReadOnlySqlTransaction):
            cursor.execute("DELETE FROM ml.task_runs")
