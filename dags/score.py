"""## Purpose
Predicts a batch with the version in production: a part of `features`, or a file. The
predictions go to the table `<use_case>.predictions`, to a Parquet file below
`.local/predictions/`, and, like each answer of the API, to `ml.inference_logs`.

## Schedule
When the asset `<use_case>.features` was updated. Also by hand.

## Parameters
- `as_of`: the time the predictions are made for; the run's logical date where it is left out.
- `start`, `end`: first and last event date of the rows; left out, there is no such bound.
- `file`: a CSV or Parquet file to predict instead of `features`.

## Large inputs
`split` cuts the batch into partitions of `ML_SCORE_PARTITION_ROWS` (500,000) rows or a little more; workers predict
them side by side, and `collect` makes one file of theirs. The result is that of one process, to the bit. A smaller
batch, or a file whose rows have keys of their own, is one partition.

## Safe to run again?
Yes. A prediction is known by version, row and `as_of`: the same again adds nothing. A partition that failed is
cleared by itself.

## When it is red
- Skipped, not red: no version is in production yet. Promote one; then run this by hand.
- `FileRefused`, `InvalidInput`: the file breaks the contract, the message says where. Nothing
  of it was written.
- `BundleRefused`: the version in production is corrupt. Promote another one.
- `Unavailable`: MLflow or Postgres does not answer (`make status`); clear the task once it does.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task
from form_fields import day, day_field, instant, instant_field
from notices import KilledNotice
from platform_defaults import default_args, features, moment, skip_without_production
from platform_use_cases import for_each_use_case

from ml.use_case import UseCase


@for_each_use_case
def score(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_score",
        description=f"{use_case.contract.title}: predictions of the version in production, as a batch",
        schedule=[features(use_case)],
        catchup=False,
        max_active_runs=1,
        params={
            "as_of": instant_field("As of"),
            "start": day_field("First event date"),
            "end": day_field("Last event date"),
            "file": Param(None, type=["null", "string"], title="File", description="Predicted instead of features."),
        },
        tags=[use_case.name, "score"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task
        def split() -> list[dict[str, Any]]:
            from ml.score_partitions import plan
            from ml.settings import Settings

            context = get_current_context()
            form = context["params"]
            with skip_without_production():
                partitions = plan(
                    Settings(),
                    use_case,
                    as_of=instant(form["as_of"]) or moment(context),
                    start=day(form["start"]),
                    end=day(form["end"]),
                    file=Path(form["file"]) if form["file"] else None,
                )
            return [asdict(partition) for partition in partitions]

        @task
        def predict(partition: dict[str, Any]) -> dict[str, Any]:
            from lineage_events import file, model, report, table

            from ml.score_partitions import Partition, score_partition
            from ml.settings import Settings

            part, settings = Partition(**partition), Settings()
            summary = score_partition(settings, use_case, part)
            source = file(part.file, part.file_sha256) if part.file else table(settings, use_case.name, "features")
            log = [table(settings, use_case.name, "predictions"), table(settings, "ml", "inference_logs")]
            report(reads=[source, model(settings, summary.model_name, summary.model_version)], writes=log)
            return asdict(summary)

        @task
        def collect(partitions: list[dict[str, Any]], summaries: list[dict[str, Any]]) -> dict[str, Any]:
            from ml.score import ScoreSummary
            from ml.score_partitions import Partition, collect

            return asdict(collect([Partition(**p) for p in partitions], [ScoreSummary(**s) for s in summaries]))

        partitions = split()
        collect(partitions, predict.expand(partition=partitions))  # type: ignore[arg-type]  # promises, until they run
