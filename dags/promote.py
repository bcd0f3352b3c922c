"""## Purpose
Puts a version of the model into production (or another stage) once a person has approved it
in Airflow. Its predecessor is archived; serving follows within seconds.

## Schedule
By hand only: promotion is a person's decision. The alias `production` or the stage
`Production` in the MLflow UI, and `make promote`, do the same without this approval.
`make rollback` puts the predecessor back.

## Parameters
- `model_name`, `version`: what is promoted.
- `stage`: where to; `Production` is what is served.
- `why`: the reason, kept in the ledger `ml.promotions`.

## How to approve
In Airflow under *Browse → Required Actions*, or on the page of the task `approve`: the gate's
verdict with the figure of each rule, and the figures of the version and of the one in production
stand there. What failed the gate can be approved all the same; the ledger notes which rules.
By REST, in the name of whoever holds the token:
`PATCH /api/v2/dags/<use_case>_promote/dagRuns/<run_id>/taskInstances/approve/-1/hitlDetails`
with `{"chosen_options": ["Approve"], "params_input": {}}` (or `["Reject"]`), a few
seconds after its state became `awaiting_input`: an answer before that may make it ask again. Whoever
approved is the `actor` in the ledger. Waiting takes no worker and no triggerer.

## Safe to run again?
Yes. Promoting what is in production changes nothing. A cleared run asks for approval anew.

## When it is red
- `evidence`: there is no such version; `make list-versions` shows which there are.
- `approve`: nobody answered within seven days. Start a new run.
- `promote`, `PromotionConflict`: another version came into production since the evidence was
  gathered. Start a new run, which compares with that one.
- `promote`, `BundleRefused`: the version cannot be served; production is as it was.
- Rejected: not red; `promote` is skipped.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG, Param, get_current_context, task
from notices import KilledNotice
from platform_defaults import default_args
from platform_use_cases import for_each_use_case

from ml.use_case import UseCase


@for_each_use_case
def promote(use_case: UseCase) -> None:
    """Makes the DAG of one use case."""
    with DAG(
        dag_id=f"{use_case.name}_promote",
        description=f"{use_case.contract.title}: a version of the model goes into production, once approved",
        schedule=None,
        catchup=False,
        params={
            "model_name": Param(use_case.config.model_name, type="string", minLength=1, title="Model"),
            "version": Param(type="string", pattern="^[1-9][0-9]*$", title="Version"),
            "stage": Param("Production", type="string", enum=["Production", "Staging"], title="Stage"),
            "why": Param("approved in Airflow", type="string", minLength=1, title="Why"),
        },
        tags=[use_case.name, "promote"],
        default_args=default_args(use_case),
        on_failure_callback=KilledNotice(),
        doc_md=__doc__,
    ):

        @task(multiple_outputs=True)
        def evidence() -> dict[str, str]:
            from ml.gate import evidence
            from ml.settings import Settings

            form = get_current_context()["params"]
            return asdict(evidence(Settings(), use_case, form["model_name"], form["version"]))

        shown = evidence()
        approve = ApprovalOperator(
            task_id="approve",
            subject="Promote version {{ params.version }} of {{ params.model_name }} to {{ params.stage }}?",
            body=shown["body"],  # type: ignore[index]
            response_timeout=timedelta(days=7),
            # Airflow tries it again where an answer came before the scheduler knew that it waits.
            retry_delay=timedelta(seconds=2),
        )

        @task
        def promote(approval: dict[str, Any], production: str) -> dict[str, Any]:
            from lineage_events import model, report, table

            from ml.registry import promote
            from ml.settings import Settings

            form, settings = get_current_context()["params"], Settings()
            report(
                reads=[model(settings, form["model_name"], form["version"])],
                writes=[table(settings, "ml", "promotions")],
            )
            promotion = promote(
                settings,
                form["model_name"],
                form["version"],
                stage=form["stage"],
                actor=approval["responded_by_user"]["name"],
                source="airflow",
                why=form["why"],
                instead_of=production,
            )
            return asdict(promotion)

        promote(approve.output, shown["production"])  # type: ignore[arg-type, index]
