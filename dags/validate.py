"""## Purpose
Judges every loaded file by the contract: rows that keep it go to `features`, the others,
verbatim and with their reasons, to `quarantine`. More bad rows in one file than
`validation.max_bad_fraction` of `model.yaml`, and nothing of the file becomes a feature.

## Schedule
When the asset `<use_case>.raw` was updated. What is to be judged comes from the ledger and
not from the event, so it does not matter when several events are one run. When rows were
added, the asset `<use_case>.features` tells `score`; nothing to judge is a skipped task.

## Parameters
- `retry_failed`: judge files again that failed before, after the contract or the limit changed.

## Safe to run again?
Yes. A file is judged once, in one transaction; one that was judged is not judged again
unless `retry_failed` says so.

## When it is red
- `ValidationFailed`: the message names the file, the share of bad rows and the most frequent
  reasons, and the report beside it shows examples. The other files were judged all the same.
  Training refuses to start until the newest file has passed. Is the data wrong: have the file
  corrected and ingest it again. Is the contract wrong: correct it and run this DAG by hand
  with `retry_failed`.
- `Unavailable`, or any other error: no row was moved; clear the task once the cause is gone.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import DAG, Param, get_current_context, task
from airflow.sdk.exceptions import AirflowSkipException
from notices import KilledNotice
from platform_defaults import default_args, features, raw
from platform_use_cases import for_each_use_case

from ml.use_case import UseCase


@for_each_use_case
def validate(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_validate",
        description=f"{use_case.contract.title}: rows that keep the contract become features",
        schedule=[raw(use_case)],
        catchup=False,
        max_active_runs=1,
        params={
            "retry_failed": Param(
                False,
                type="boolean",
                title="Failed files again",
                description="Judge files again that failed before.",
            )
        },
        tags=[use_case.name, "validate"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task(outlets=[features(use_case)])
        def judge() -> dict[str, Any]:
            from lineage_events import report, table

            from ml.settings import Settings
            from ml.validate import validate

            context, settings = get_current_context(), Settings()
            raw_rows, *judged = (table(settings, use_case.name, n) for n in ("raw", "features", "quarantine"))
            report(reads=[raw_rows], writes=judged)
            summary = validate(settings, use_case, retry_failed=context["params"]["retry_failed"])
            # An earlier try may have judged the files and died before it could say so.
            if not summary.files and context["ti"].try_number == 1:
                raise AirflowSkipException("No file waits to be judged.")
            return asdict(summary)

        judge()
