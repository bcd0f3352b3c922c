"""What the DAGs are, as Airflow sees them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.dags.airflow_home import REPOSITORY

USE_CASES = ("bank_marketing", "customer_churn")
FILES = sorted(path.stem for path in (REPOSITORY / "dags").glob("*.py"))
MAKES_NO_DAG = {"use_cases"}
KINDS = [name for name in FILES if name not in MAKES_NO_DAG]
FOR_ALL_USE_CASES = {"maintenance"}
IDS = [f"{use_case}_{kind}" for use_case in USE_CASES for kind in KINDS if kind not in FOR_ALL_USE_CASES]
IDS += [f"platform_{kind}" for kind in sorted(FOR_ALL_USE_CASES)]

DOWNSTREAM = {
    "ingest": {"load": {"report_rejected"}, "report_rejected": set()},
    "validate": {"judge": set()},
    "train": {"check_data": {"fit"}, "fit": {"gate"}, "gate": set()},
    "score": {"split": {"predict", "collect"}, "predict": {"collect"}, "collect": set()},
    "drift": {
        "check": {"retraining_wanted", "record", "alert"},
        "retraining_wanted": {"start_training", "record"},
        "start_training": {"record"},
        "record": set(),
        "alert": set(),
    },
    "outcomes": {
        "collect": {"judge"},
        "judge": {"retraining_wanted", "record", "alert"},
        "retraining_wanted": {"start_training", "record"},
        "start_training": {"record"},
        "record": set(),
        "alert": set(),
    },
    "promote": {"evidence": {"approve", "promote"}, "approve": {"promote"}, "promote": set()},
    "maintenance": {"partitions": set(), "records": set(), "lineage": set(), "leftovers": set()},
}
ONE_RUN_AT_A_TIME = {"ingest", "validate", "train", "score", "drift", "outcomes", "maintenance"}


def kind_of(dag) -> str:
    return next(kind for kind in KINDS if dag.dag_id.endswith(f"_{kind}"))


def test_every_file_is_read_without_an_error(dag_bag):
    assert dag_bag.import_errors == {}


def test_each_file_yields_one_dag_for_each_use_case_or_one_for_all(dag_bag):
    assert sorted(dag_bag.dags) == sorted(IDS)


def test_a_dag_lies_in_the_file_named_like_it(dag_bag):
    assert all(dag.fileloc.endswith(f"/dags/{kind_of(dag)}.py") for dag in dag_bag.dags.values())


@pytest.mark.parametrize("dag_id", IDS)
def test_tasks_follow_each_other_as_drawn(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]

    assert {task.task_id: task.downstream_task_ids for task in dag.tasks} == DOWNSTREAM[kind_of(dag)]


@pytest.mark.parametrize("dag_id", IDS)
def test_a_dag_is_tagged_with_its_use_case_and_its_kind(dag_bag, dag_id):
    assert dag_bag.dags[dag_id].tags == set(dag_id.rsplit("_", 1))


@pytest.mark.parametrize("dag_id", IDS)
def test_a_dag_makes_up_for_no_past_and_runs_alone_where_it_writes(dag_bag, dag_id):
    dag = dag_bag.dags[dag_id]

    assert dag.catchup is False
    assert (dag.max_active_runs == 1) == (kind_of(dag) in ONE_RUN_AT_A_TIME)


@pytest.mark.parametrize("dag_id", IDS)
def test_every_task_has_owner_retries_timeout_and_a_failure_callback(dag_bag, dag_id):
    from notices import FailureNotice
    from platform_defaults import RETRY_POLICY, report_failure

    for task in dag_bag.dags[dag_id].tasks:
        assert task.owner == "ml-platform"
        assert task.retries == 2
        assert task.retry_delay == timedelta(seconds=2 if task.task_id == "approve" else 20)
        assert task.retry_policy.serialize() == RETRY_POLICY.serialize()
        assert timedelta(0) < task.execution_timeout <= timedelta(minutes=90)
        log, notice = task.on_failure_callback
        assert log.__name__ == report_failure.__name__
        assert type(notice).__name__ == FailureNotice.__name__


@pytest.mark.parametrize("dag_id", IDS)
def test_a_run_tells_of_tasks_that_were_killed(dag_bag, dag_id):
    assert type(dag_bag.dags[dag_id].on_failure_callback).__name__ == "KilledNotice"


@pytest.mark.parametrize(
    ("dag_id", "expression"),
    [
        ("bank_marketing_ingest", "0 2 * * *"),
        ("bank_marketing_train", "0 4 * * 1"),
        ("bank_marketing_drift", "0 6 * * *"),
        ("bank_marketing_outcomes", "0 5 * * *"),
        ("platform_maintenance", "30 1 * * *"),
    ],
)
def test_schedules_are_those_of_the_model_file(dag_bag, dag_id, expression):
    assert dag_bag.dags[dag_id].timetable.expression == expression


@pytest.mark.parametrize("dag_id", ["customer_churn_ingest", "customer_churn_train", "bank_marketing_promote"])
def test_without_a_schedule_a_dag_runs_by_hand_only(dag_bag, dag_id):
    assert dag_bag.dags[dag_id].schedule is None


def test_assets_link_ingest_to_validate_to_score(dag_bag):
    def outlets(dag_id, task_id):
        return [asset.name for asset in dag_bag.dags[dag_id].get_task(task_id).outlets]

    def triggers(dag_id):
        return [asset.name for asset in dag_bag.dags[dag_id].timetable.asset_condition.objects]

    assert outlets("customer_churn_ingest", "load") == triggers("customer_churn_validate") == ["customer_churn.raw"]
    assert (
        outlets("customer_churn_validate", "judge") == triggers("customer_churn_score") == ["customer_churn.features"]
    )


def test_drift_starts_the_training_of_its_own_use_case_and_no_run_twice(dag_bag):
    trigger = dag_bag.dags["customer_churn_drift"].get_task("start_training")

    assert trigger.trigger_dag_id == "customer_churn_train"
    assert trigger.skip_when_already_exists is True


@pytest.mark.parametrize("dag_id", IDS)
def test_times_in_a_form_are_empty_so_that_the_runs_own_time_counts(dag_bag, dag_id):
    params = dag_bag.dags[dag_id].params
    times = [name for name in params if "date" in params.get_param(name).schema.get("format", "")]

    assert [params[name] for name in times] == [None] * len(times)
