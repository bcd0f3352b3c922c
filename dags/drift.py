"""## Purpose
Compares what the version in production was asked (`ml.inference_logs`) with what it was
trained on: each column by the statistics of its type, all columns together, the answers, and
the outcomes that have arrived. The report goes to `ml.drift_reports` and, with pictures, to
`.local/reports/`. On drift the run is red, so that somebody looks. Once `drift.confirm.violations`
of the last `drift.confirm.windows` windows have it, drift is confirmed and a training is started,
at most one in `drift.cooldown_days`; until then it is suspected.

## Schedule
Daily, at `schedules.drift` of the use case's `model.yaml`. The window is the last
`drift.window_days`, up to the end of the run's day.

## Parameters
- `window_start`, `window_end`: the window, closed at its start and open at its end.

By REST: `POST /api/v2/dags/<use_case>_drift/dagRuns` with
`{"logical_date": null, "conf": {"window_start": "2026-01-01T00:00:00Z", "window_end": "2026-01-08T00:00:00Z"}}`.

## Safe to run again?
Yes. A window checked again has the same report id, and the training that a report starts is
the run `drift_report_<id>` of `train`, which exists once: however often a report is repeated,
it starts one training.

## When it is red
- `alert`: there is drift, suspected or confirmed. The message names the columns with figure and
  limit, says what was done, and links the report. Is the input broken (a source changed its coding): have it mended.
  Has the world changed: look at the version that the retraining registered, and promote it.
  Days in the cooldown stay red without a further training.
- `start_training`: the training could not be started; `alert` tells of the drift all the same.
- `check`: a service does not answer (`make status`), or the report could not be written.
- Skipped, not red: `check` with no version in production, `alert` with fewer rows in the
  window than `drift.min_rows`.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
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
    from ml.drift import record_retraining
    from ml.settings import Settings

    record_retraining(Settings(), verdict["report_id"], training_run)


@for_each_use_case
def drift(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_drift",
        description=f"{use_case.contract.title}: what production is asked, against what it was trained on",
        schedule=schedule(use_case.config.schedules.drift),
        catchup=False,
        max_active_runs=1,
        params={
            "window_start": instant_field("Start of the window"),
            "window_end": instant_field("End of the window"),
        },
        tags=[use_case.name, "drift"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task
        def check() -> dict[str, Any]:
            from lineage_events import model, report, table

            from ml.drift import check, describe
            from ml.settings import Settings

            context, settings = get_current_context(), Settings()
            form = context["params"]
            end = instant(form["window_end"]) or end_of_day(moment(context))
            start = instant(form["window_start"]) or end - timedelta(days=use_case.config.drift.window_days)
            with skip_without_production():
                result = check(settings, use_case, window_start=start, window_end=end)
            report(
                reads=[
                    table(settings, "ml", "inference_logs", rows=result.n_rows),
                    model(settings, result.model_name, result.model_version),
                ],
                writes=[table(settings, "ml", "drift_reports")],
            )
            return {**asdict(result), "message": describe(result)}

        # Beside the training, not after it: one that cannot be started must not silence the alarm.
        @task
        def alert(verdict: dict[str, Any]) -> None:
            from ml.errors import DriftDetected

            if verdict["state"] == "insufficient_data":
                raise AirflowSkipException(verdict["message"])
            if verdict["state"] == "drift":
                raise DriftDetected(verdict["message"])

        verdict = check()
        start_retraining(use_case, verdict, name="drift_report_{report_id}", note=_note)
        alert(verdict)  # type: ignore[arg-type]
