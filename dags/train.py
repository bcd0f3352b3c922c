"""## Purpose
Trains the candidates on all features, compares them on a hold-out, registers the best as a
new version of the model, with its serving bundle, and notes it in `ml.training_data`. The
gate then judges it against the version in production, on rows that neither was fitted on.
What passes gets the alias `challenger`. What follows is said by `gate.mode` in `model.yaml`:
`manual`, a person promotes it by `promote`; `auto`, it is promoted at once; `dry_run`, nothing.

## Schedule
At `schedules.train` of the use case's `model.yaml`: weekly, so that what came in over the
week counts, whether or not the data has drifted. Also by hand, with the form, and by `drift`,
whose runs are named `drift_report_<id>`.

## Parameters
- `metric`: what the champion is chosen by.
- `candidates`: what is trained; none chosen means all that `model.yaml` has.
- `model_name`: what the champion is registered as.
- `trials`, `seconds`: how long better parameters are looked for; with 0 trials they are as
  `model.yaml` gives them. Each trial is a line in the log of `fit`.
- `late_features`: features let in although they are known only after the event; where the
  contract has such.

By REST: `POST /api/v2/dags/<use_case>_train/dagRuns` with
`{"logical_date": null, "conf": {"metric": "f1", "candidates": ["<name>"]}}`; what `conf`
leaves out is as configured. The task `fit` returns `run_id`, `model_name`, `model_version`,
the metric of each candidate, and the sizes; `gate` returns whether it passed, the rules that
failed, and whether it was promoted. The log of `gate` has the figures of each rule; so have
the run's artifact `evidence/gate.json` and the table `ml.gate_verdicts`.

## Safe to run again?
Yes. Each run registers one more version of the model; without `gate.mode: auto` what is in
production stays as it is. Two runs never train at once. `gate` alone can be cleared, too.

## When it is red
- `check_data`: the newest file failed validation. See the red run of `validate`.
- `fit`, `NotEnoughData`: fewer rows than `min_rows`, or one class only. Nothing was registered.
- `fit`, `Unavailable`: MLflow or Postgres does not answer (`make status`); clear the task once
  it does. Nothing half made can be promoted.
- `fit`, out of time or killed: clear it; it first ends the runs that the dead one left
  *running* in MLflow, and deletes the version it did not finish.
- `gate`, `PromotionConflict`: in mode `auto` somebody else promoted meanwhile; clear it, and it
  judges against that version. A verdict that is negative leaves the task green.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from notices import KilledNotice
from platform_defaults import default_args, schedule
from platform_use_cases import for_each_use_case
from train_form import train_form

from ml.use_case import UseCase


@for_each_use_case
def train(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_train",
        description=f"{use_case.contract.title}: the best of the candidates becomes a new version of the model",
        schedule=schedule(use_case.config.schedules.train),
        catchup=False,
        max_active_runs=1,
        params=train_form(use_case),
        tags=[use_case.name, "train"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task
        def check_data() -> None:
            from ml.settings import Settings
            from ml.validate import require_passed

            require_passed(Settings(), use_case)

        @task(execution_timeout=timedelta(minutes=90))
        def fit() -> dict[str, Any]:
            from lineage_events import model, report, table

            from ml.settings import Settings
            from ml.train import train

            form, settings = get_current_context()["params"], Settings()
            result = train(
                settings,
                use_case,
                metric=form["metric"],
                candidates=form["candidates"],
                late_features=form.get("late_features") or [],
                model_name=form["model_name"],
                trials=form["trials"],
                seconds=form["seconds"],
            )
            report(
                reads=[table(settings, use_case.name, "features", rows=result.n_train + result.n_test)],
                writes=[model(settings, result.model_name, result.model_version)],
            )
            return asdict(result)

        @task
        def gate(trained: dict[str, Any]) -> dict[str, Any]:
            from lineage_events import model, report, table

            from ml.gate import gate
            from ml.settings import Settings

            settings, version = Settings(), (trained["model_name"], trained["model_version"])
            report(reads=[model(settings, *version)], writes=[table(settings, "ml", "gate_verdicts")])
            return asdict(gate(settings, use_case, *version))

        trained = fit()
        check_data() >> trained
        gate(trained)  # type: ignore[arg-type]
