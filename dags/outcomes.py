"""## Purpose
Joins labels that arrived late to the predictions they belong to (`ml.outcomes`), measures how
good the version in production turned out to be, by month or day and by slice
(`ml.performance`, realised and estimated side by side), and judges the last window whose
labels have arrived. Where the metric fell, a training is started and the run is red.

## Schedule
Daily, at `schedules.outcomes` of the use case's `model.yaml`. The window that is judged is the
last that ended `performance.label_delay_days` before the end of the run's day.

## Parameters
- `as_of`: the day the run stands for; the run's own where it is left out.

Labels come by `POST /v1/outcomes` of the API; as rows with their target, ingested after they
were predicted in a batch; or as CSV files `inference_id,label[,observed_at]` in
`data/<use_case>/outcomes/`.

## Safe to run again?
Yes. The first label of a prediction stays; a window measured again replaces its figures; the
training that a verdict starts is the run `outcomes_check_<id>` of `train`, which exists once.
It shares the cooldown of `drift`: at most one training in `drift.cooldown_days`, whoever asks.

## When it is red
- `alert`: the metric lies more than `performance.max_drop` below the version's figure on its
  hold-out, and its whole 95 % interval below that figure. Look at the slices in
  `ml.performance`; is the input broken, have it mended; else promote what the training made.
- `collect`, `FileRefused`: a file of outcomes is no such list; the message says where.
- `start_training`: it could not be started; `alert` tells of the fall all the same.
- Skipped, not red: no outcome yet, no version in production, or too few labels to tell.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from form_fields import instant, instant_field
from notices import KilledNotice
from platform_defaults import default_args, end_of_day, moment, schedule, skip_without_production
from platform_use_cases import for_each_use_case
from retraining import start_retraining

from ml.use_case import UseCase


def _note(verdict: dict[str, Any], training_run: str) -> None:
    from ml.outcomes import record_retraining
    from ml.settings import Settings

    record_retraining(Settings(), verdict["check_id"], training_run)


@for_each_use_case
def outcomes(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_outcomes",
        description=f"{use_case.contract.title}: late labels, and how good production turned out to be",
        schedule=schedule(use_case.config.schedules.outcomes),
        catchup=False,
        max_active_runs=1,
        params={"as_of": instant_field("As of")},
        tags=[use_case.name, "outcomes"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task
        def collect() -> dict[str, Any]:
            from lineage_events import report, table

            from ml.outcomes import collect
            from ml.settings import Settings

            settings = Settings()
            log, labels = table(settings, "ml", "inference_logs"), table(settings, use_case.name, "features")
            report(reads=[log, labels], writes=[table(settings, "ml", "outcomes")])
            found = collect(settings, use_case)
            if not found.total:
                raise AirflowSkipException("No outcome has arrived yet.")
            return asdict(found)

        @task
        def judge() -> dict[str, Any]:
            from lineage_events import report, table

            from ml.outcomes import check
            from ml.settings import Settings

            context, settings = get_current_context(), Settings()
            as_of = instant(context["params"]["as_of"]) or moment(context)
            log, labels = table(settings, "ml", "inference_logs"), table(settings, "ml", "outcomes")
            report(
                reads=[log, labels], writes=[table(settings, "ml", n) for n in ("performance", "performance_checks")]
            )
            with skip_without_production():
                return asdict(check(settings, use_case, moment=end_of_day(as_of)))

        # Beside the training, not after it: one that cannot be started must not silence the alarm.
        @task
        def alert(verdict: dict[str, Any]) -> None:
            from ml.errors import PerformanceFell

            if verdict["state"] == "insufficient_data":
                raise AirflowSkipException(verdict["message"])
            if verdict["state"] == "fell":
                raise PerformanceFell(verdict["message"])

        verdict = judge()
        collect() >> verdict
        start_retraining(use_case, verdict, name="outcomes_check_{check_id}", note=_note)
        alert(verdict)  # type: ignore[arg-type]
