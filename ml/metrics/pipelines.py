"""Metrics of the runs of DAGs, from what their tasks left in ``ml.task_runs``."""

from __future__ import annotations

from ml.metrics.reading import Measure, Reading

_DAG = ("use_case", "dag_id")

_LAST_RUNS = Reading(
    """
    , last AS (
        SELECT dag_id, run_id FROM (SELECT DISTINCT dag_id FROM ml.task_runs) AS dags CROSS JOIN LATERAL (
            SELECT run_id FROM ml.task_runs t WHERE t.dag_id = dags.dag_id ORDER BY run_after DESC LIMIT 1
        ) AS newest
    )
    SELECT coalesce(max(use_case), '') AS use_case, dag_id,
        CASE WHEN bool_or(state = 'failed') THEN 'failed'
             WHEN bool_or(state IN ('running', 'up_for_retry')) THEN 'running' ELSE 'success' END AS state,
        extract(epoch FROM min(started_at)) AS started, extract(epoch FROM max(ended_at)) AS ended,
        extract(epoch FROM max(ended_at) - min(started_at)) AS took
    FROM last JOIN ml.task_runs USING (dag_id, run_id) GROUP BY dag_id
    """,
    (
        Measure(
            "ml_dag_run_state",
            "State of a DAG's last run, failed as soon as one of its tasks has: 1 for the state, else 0",
            "state",
            _DAG,
            states=("success", "failed", "running"),
        ),
        Measure("ml_dag_run_started_timestamp_seconds", "When a DAG's last run started", "started", _DAG),
        Measure("ml_dag_run_ended_timestamp_seconds", "When the last task so far of that run ended", "ended", _DAG),
        Measure("ml_dag_run_duration_seconds", "Time from its start to the end of its last task so far", "took", _DAG),
    ),
)
_FAILED = Reading(
    """
    SELECT coalesce(max(use_case), '') AS use_case, dag_id,
        count(*) FILTER (WHERE state = 'failed' AND run_after > now() - interval '1 day') AS failed
    FROM ml.task_runs GROUP BY dag_id
    """,
    (Measure("ml_dag_failed_tasks", "Failed tasks of a DAG's runs of the last 24 hours", "failed", _DAG),),
)

READINGS = (_LAST_RUNS, _FAILED)
