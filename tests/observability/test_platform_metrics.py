"""What `mlp metrics` tells Prometheus of the platform's tables."""

from __future__ import annotations

import datetime as dt
import logging
import re

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from psycopg2.errors import InsufficientPrivilege

from ml.metrics.collector import MEASURES, PlatformCollector
from ml.metrics.limits import longest_pause
from ml.store import METRICS_ROLE, connect, migrate
from tests.conftest import REPOSITORY
from tests.overview_history import History, seed

BANK = "bank_marketing"
Samples = dict[str, dict[tuple[str, ...], float]]


def samples(collector: Collector) -> Samples:
    """As Prometheus reads them: by name, then by the values of the labels in the order of their names."""
    registry = CollectorRegistry()
    registry.register(collector)
    found: Samples = {}
    for family in text_string_to_metric_families(generate_latest(registry).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(v for _, v in sorted(sample.labels.items()))] = sample.value
    return found


@pytest.fixture
def now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


@pytest.fixture
def months(settings, now):
    """Settings of a platform with some months behind it, that ended last midnight."""
    until = now.replace(hour=0, minute=0, second=0, microsecond=0)
    seed(settings.database_url, History(days=80, until=until))
    return settings


def execute(settings, statement: str, *values: object) -> None:
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)


def read(settings) -> Samples:
    return samples(PlatformCollector(settings, cache_seconds=0))


def test_a_platform_with_no_data_is_up_and_has_no_version_in_production(settings):
    found = read(settings)
    assert found["ml_platform_up"] == {(): 1}
    assert found["ml_model_in_production"] == {(BANK,): 0}
    assert found["ml_model_versions_waiting"] == {(BANK,): 0}
    assert found["ml_inference_log_default_partition_rows"] == {(): 0}
    assert "ml_data_loaded_timestamp_seconds" not in found
    assert "ml_model_production_info" not in found


def test_months_of_history_have_every_metric(months):
    found = read(months)
    assert set(found) == {measure.name for measure in MEASURES}
    ((_, version, _),) = found["ml_model_production_info"]
    assert found["ml_model_production_info"] == {("bank-model", version, BANK): 1}
    assert found["ml_model_in_production"] == {(BANK,): 1}
    assert set(found["ml_model_production_since_timestamp_seconds"]) == {(version, BANK)}


def test_of_the_states_one_is_1_and_the_others_are_0(months):
    found = read(months)
    for name in ("ml_drift_state", "ml_drift_standing", "ml_performance_state"):
        assert sorted(found[name].values()) == [0, 0, 1], name


def test_ages_are_told_as_moments_so_that_they_grow_between_readings(months, now):
    found = read(months)
    loaded = dt.datetime.fromtimestamp(found["ml_data_loaded_timestamp_seconds"][(BANK,)], dt.UTC)
    assert loaded == now.replace(hour=2, minute=0, second=0, microsecond=0) - dt.timedelta(days=1)


def test_drift_that_is_confirmed_is_told_with_the_number_of_features_it_is_in(months):
    execute(
        months,
        "UPDATE ml.drift_reports SET state = 'drift', standing = 'confirmed',"
        " columns = jsonb_set(columns, '{0,drifted}', 'true')"
        " WHERE window_end = (SELECT max(window_end) FROM ml.drift_reports)",
    )
    found = read(months)
    assert [v for k, v in found["ml_drift_standing"].items() if "confirmed" in k] == [1]
    assert list(found["ml_drift_columns"].values()) == [1]


def test_what_the_version_before_had_is_not_told_of_the_one_in_production(months):
    execute(
        months,
        "INSERT INTO ml.promotions (model_name, to_version, stage, outcome, actor, source, why)"
        " VALUES ('bank-model', '99', 'Production', 'promoted', 'somebody', 'cli', '')",
    )
    found = read(months)
    assert ("bank-model", "99", BANK) in found["ml_model_production_info"]
    assert not {"ml_drift_state", "ml_drift_standing", "ml_performance_state", "ml_performance_value"} & set(found)
    assert found["ml_drift_checked_timestamp_seconds"], "that drift is checked at all is told all the same"


def test_the_share_of_bad_rows_is_that_of_the_last_file_and_of_the_week(settings):
    file = (
        "INSERT INTO ml.ingest_ledger (use_case, file_name, sha256, bytes, status, run_id, validation, rows_good,"
        " rows_quarantined, validated_at) VALUES (%s, %s, %s, 1, 'loaded', 'r', 'passed', %s, %s, now() - %s::interval)"
    )
    execute(settings, file, BANK, "old.csv", "a", 0, 100, "8 days")
    execute(settings, file, BANK, "before.csv", "b", 100, 0, "2 days")
    execute(settings, file, BANK, "last.csv", "c", 90, 10, "1 hour")
    assert read(settings)["ml_data_quarantine_ratio"] == {(BANK, "last_file"): 0.1, (BANK, "7d"): 0.05}


@pytest.mark.parametrize(
    ("states", "state"),
    [(("success", "success"), "success"), (("success", "running"), "running"), (("failed", "running"), "failed")],
)
def test_a_run_is_what_its_tasks_are(settings, states, state):
    for task, of_task in enumerate(states):
        execute(
            settings,
            "INSERT INTO ml.task_runs (use_case, dag_id, run_id, task_id, try_number, state, run_after, started_at,"
            " ended_at) VALUES (%s, 'a_dag', 'newest', %s, 1, %s, now(), '2026-01-01 00:00Z', '2026-01-01 00:01Z')",
            BANK, f"task_{task}", of_task,
        )  # fmt: skip
    execute(
        settings,
        "INSERT INTO ml.task_runs (use_case, dag_id, run_id, task_id, try_number, state, run_after)"
        " VALUES (%s, 'a_dag', 'before', 'task', 1, 'failed', now() - interval '2 hours')",
        BANK,
    )
    found = read(settings)
    assert [labels for labels, value in found["ml_dag_run_state"].items() if value] == [("a_dag", state, BANK)]
    assert found["ml_dag_run_duration_seconds"][("a_dag", BANK)] == 60
    assert found["ml_dag_failed_tasks"][("a_dag", BANK)] == 1 + states.count("failed")


def test_a_challenger_that_was_switched_off_is_none(months):
    assert list(read(months)["ml_model_challenger_info"].values()) == [1]
    execute(
        months,
        "INSERT INTO ml.promotions (model_name, to_version, stage, outcome, actor, source, why)"
        " SELECT model_name, to_version, stage, outcome, actor, source, 'off: seen enough' FROM ml.promotions"
        " WHERE stage = 'Challenger' LIMIT 1",
    )
    assert "ml_model_challenger_info" not in read(months)


def test_a_version_waits_until_somebody_decides(months):
    execute(months, "UPDATE ml.gate_verdicts SET passed = true")
    execute(
        months,
        "INSERT INTO ml.gate_verdicts (model_name, model_version, production_version, passed, mode, verdict)"
        " SELECT 'bank-model', '77', max(to_version), true, 'manual', '{}' FROM ml.promotions"
        " WHERE stage = 'Production' AND outcome = 'promoted' AND at = (SELECT max(at) FROM ml.promotions"
        " WHERE stage = 'Production' AND outcome = 'promoted')",
    )
    before = read(months)["ml_model_versions_waiting"][(BANK,)]
    execute(
        months,
        "INSERT INTO ml.promotions (model_name, to_version, stage, outcome, actor, source, why)"
        " VALUES ('bank-model', '77', 'Production', 'refused', 'somebody', 'cli', 'not now')",
    )
    assert read(months)["ml_model_versions_waiting"][(BANK,)] == before - 1


def test_limits_are_those_of_the_use_case(settings):
    found = read(settings)
    assert found["ml_check_overdue_seconds"][("ingest", BANK)] == (2 * 24 + 6) * 3600
    assert found["ml_data_quarantine_limit_ratio"] == {(BANK,): 0.05}


@pytest.mark.parametrize(("schedule", "days"), [("0 2 * * *", 1), ("0 2 * * 1-5", 3), ("0 4 * * 1", 7)])
def test_the_longest_pause_of_a_schedule(schedule, days):
    assert longest_pause(schedule) == dt.timedelta(days=days)


def test_answers_within_the_time_of_the_cache_are_the_same(settings):
    collector = PlatformCollector(settings, cache_seconds=60)
    first = samples(collector)
    execute(
        settings,
        "INSERT INTO ml.promotions (model_name, to_version, stage, outcome, actor, source, why)"
        " VALUES ('bank-model', '1', 'Production', 'promoted', 'somebody', 'cli', '')",
    )
    assert samples(collector) == first
    assert read(settings)["ml_model_in_production"] == {(BANK,): 1}


def test_a_database_that_is_away_is_told_once_and_is_no_error_of_the_exporter(own_postgres, settings, caplog):
    away = settings.model_copy(update={"database_url": own_postgres.url("ml", "ml_platform")})
    collector = PlatformCollector(away, cache_seconds=0)
    assert samples(collector)["ml_platform_up"] == {(): 1}
    own_postgres.stop()
    with caplog.at_level(logging.WARNING, "ml.metrics"):
        assert samples(collector) == {"ml_platform_up": {(): 0}}
        assert samples(collector) == {"ml_platform_up": {(): 0}}
    (told,) = caplog.messages
    assert "cannot be read" in told
    own_postgres.start()
    assert samples(collector)["ml_platform_up"] == {(): 1}


def test_a_database_that_was_never_migrated_is_not_up(postgres, settings, caplog):
    postgres.ensure_database("empty", owner="ml_platform")
    empty = settings.model_copy(update={"database_url": postgres.url("empty", "ml_platform")})
    assert read(empty) == {"ml_platform_up": {(): 0}}
    assert "does not exist" in caplog.text


def test_a_statement_that_takes_too_long_is_given_up(months, caplog):
    with connect(months.database_url) as connection, connection.cursor() as cursor:
        cursor.execute("LOCK TABLE ml.promotions IN ACCESS EXCLUSIVE MODE")
        found = samples(PlatformCollector(months, cache_seconds=0, statement_seconds=0.2))
    assert found == {"ml_platform_up": {(): 0}}
    assert "statement timeout" in caplog.text


def test_its_role_reads_all_metrics_and_no_prediction(postgres, database_name, months):
    postgres.ensure_role(METRICS_ROLE)
    postgres.psql(f'GRANT CONNECT ON DATABASE "{database_name}" TO {METRICS_ROLE}')
    migrate(months.database_url)
    by_role = months.model_copy(update={"database_url": postgres.url(database_name, METRICS_ROLE)})
    assert set(read(by_role)) == set(read(months))
    for statement in ("SELECT input FROM ml.inference_logs", "SELECT feature_stats FROM ml.training_data",
                      "SELECT * FROM ml.outcomes", "DELETE FROM ml.ingest_ledger"):  # fmt: skip
        with pytest.raises(InsufficientPrivilege):
            execute(by_role, statement)


def test_a_use_case_that_cannot_be_read_does_not_hide_the_others(settings, tmp_path, caplog):
    folder = tmp_path / "use_cases"
    (folder / "broken").mkdir(parents=True)
    (folder / "broken" / "contract.yaml").write_text("columns: none")
    (folder / BANK).symlink_to(settings.use_cases_dir / BANK)
    found = read(settings.model_copy(update={"use_cases_dir": folder}))
    assert found["ml_model_in_production"] == {(BANK,): 0}
    assert "No metrics of broken" in caplog.text


def test_the_documentation_has_every_metric_with_its_labels_and_its_meaning():
    rows = re.findall(
        r"^\| `(ml_\w+)(?:\{([\w, ]*)\})?` \| (.+) \|$", (REPOSITORY / "docs" / "metrics.md").read_text(), re.M
    )
    assert rows == [(m.name, ", ".join(m.all_labels), m.help) for m in MEASURES]
