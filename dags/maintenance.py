"""## Purpose
Keeps the log of predictions (`ml.inference_logs`) in shape: makes the partitions of this month
and the next, and removes the months that are older than `ML_LOG_RETENTION_DAYS`, with the
outcomes of their predictions. Removes what is noted of tasks and of the API's traffic
(`ml.task_runs`, `ml.serving_traffic`) after 400 days. Gives the OpenLineage events of
each day a file of their own, and removes files as old as that. Ends what trainings that died
left behind: runs still *running* in MLflow, and versions that were never finished. One DAG for all use cases.

## Schedule
Daily at 01:30 UTC.

## Parameters
None. `ML_LOG_RETENTION_DAYS` is an environment variable of Airflow; unset, no prediction is removed.

## Safe to run again?
Yes. What is made or removed already is left alone. `mlp retention` does the same to the tables by hand.

## When it is red
- `Unavailable`: Postgres or MLflow does not answer (`make status`); clear the task once it does. Nothing
  is lost meanwhile: rows without a partition of their own wait in the default one.
- Green, with a warning in its log: a long query held the log; the next run does it.
"""

from __future__ import annotations

from airflow.sdk import DAG, get_current_context, task
from notices import KilledNotice
from platform_defaults import cron, default_args_of, moment

with DAG(
    dag_id="platform_maintenance",
    description="Partitions of the log of predictions, and what trainings that died left behind",
    schedule=cron("30 1 * * *"),
    catchup=False,
    max_active_runs=1,
    tags=["platform", "maintenance"],
    default_args=default_args_of("ml-platform"),
    on_failure_callback=KilledNotice(),
    doc_md=__doc__,
):

    @task
    def partitions() -> dict[str, list[str]]:
        """Names of the partitions made and removed."""
        from ml.partitions import drop_old, ensure_partitions
        from ml.settings import Settings

        now = moment(get_current_context())
        return {"made": ensure_partitions(Settings(), now), "removed": drop_old(Settings(), now)}

    @task
    def records() -> dict[str, int]:
        """How many old rows were removed, by table."""
        from ml.retention import forget_old
        from ml.settings import Settings

        return forget_old(Settings(), moment(get_current_context()))

    @task
    def leftovers() -> dict[str, list[str]]:
        """Runs that were ended and versions that were deleted."""
        from ml.settings import Settings
        from ml.training.leftovers import clear_leftovers
        from ml.use_case import discover

        settings = Settings()
        found = [clear_leftovers(settings, use_case) for use_case in discover(settings.use_cases_dir)]
        return {"runs": [r for f in found for r in f.runs], "versions": [v for f in found for v in f.versions]}

    @task
    def lineage() -> dict[str, list[str]]:
        """Files of OpenLineage events made and removed."""
        from ml.lineage.event_files import put_aside
        from ml.settings import Settings

        return put_aside(Settings(), moment(get_current_context()))

    partitions()
    records()
    lineage()
    leftovers()
