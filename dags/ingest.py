"""## Purpose
Loads the files that wait in a use case's landing folder into its table `raw`, verbatim.
A file appears there wholly or not at all. Who put which file in when, and what became of
it, is in `ml.ingest_ledger`.

## Schedule
Daily, at `schedules.ingest` of the use case's `model.yaml`: files come by day, and a file
whose name holds a date belongs to that day. A scheduled or backfilled run takes the files
dated up to its logical date, and all files without a date; a run by hand without a logical
date takes every file. When files were looked at, the asset `<use_case>.raw` tells `validate`.

Where `ML_LANDING_URL` is set, files are first fetched from `<url>/<use_case>/` (connection `s3`), and moved there
afterwards: to `done/`, or to `rejected/` with the reason. Upload new content under a new name.

## Parameters
None.

## Safe to run again?
Yes, in any order and for any day. Content that was loaded before, under whatever name, is
noted in the ledger as `duplicate` and changes nothing.

## When it is red
- `report_rejected`: files were refused and lie in `landing/rejected/`, each with a
  `<name>.reason.txt` that says which byte or line is at fault. All other files were loaded,
  and validation goes on with them. Have the file corrected and put it into `landing/` again,
  under any name. Clearing the task does not make it green: the next run does.
- `load`: a service does not answer (`make status`), or the contract cannot be read. Nothing
  is half loaded; clear the task once the cause is gone.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, get_current_context, task
from airflow.sdk.exceptions import AirflowFailException
from notices import KilledNotice
from platform_defaults import default_args, raw, schedule
from platform_use_cases import for_each_use_case

from ml.use_case import UseCase


@for_each_use_case
def ingest(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_ingest",
        description=f"{use_case.contract.title}: files in the landing folder become rows of `raw`",
        schedule=schedule(use_case.config.schedules.ingest),
        catchup=False,
        max_active_runs=1,
        tags=[use_case.name, "ingest"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task(outlets=[raw(use_case)])
        def load() -> dict[str, Any]:
            from lineage_events import loaded_files, report, table
            from s3_landing import fetch, settle

            from ml.ingest import ingest
            from ml.settings import Settings

            context, settings = get_current_context(), Settings()
            due = context.get("logical_date")
            fetched = fetch(settings.landing_url, use_case, due) if settings.landing_url else []
            summary = ingest(settings, use_case, run_id=context["run_id"], logical_date=due)
            settle(fetched, use_case, summary)
            files = loaded_files(settings, use_case, context["run_id"])
            report(reads=files, writes=[table(settings, use_case.name, "raw", rows=summary.rows_new)])
            return asdict(summary)

        @task
        def report_rejected(summary: dict[str, Any]) -> None:
            if summary["rejected"]:
                raise AirflowFailException(f"{' '.join(summary['rejected'])} All other files were loaded.")

        report_rejected(load())  # type: ignore[arg-type]  # a promise, until the task runs
