"""The pages, an address each."""

from __future__ import annotations

import datetime as dt
from enum import IntEnum
from pathlib import Path
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse
from psycopg2.extensions import cursor as Cursor

from ml.errors import ContractError, PredictionNotFound
from ml.lineage import trace
from ml.overview.overview import overview
from ml.overview.period import Period
from ml.overview.reading import reading
from ml.overview.report_paths import ReportKind, report_path
from ml.overview.run_evidence import run_evidence
from ml.overview.runs import owner_of
from ml.overview.status import status
from ml.use_case import UseCase
from platform_page import views
from platform_page.access import Visitor, VisitorDep
from platform_page.rendering import render
from platform_page.security import REPORT_POLICY

router = APIRouter(default_response_class=HTMLResponse)
_METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Days(IntEnum):
    """The spans to choose from."""

    MONTH = 30
    QUARTER = 90
    YEAR = 365


@router.get("/")
def use_cases(request: Request, visitor: VisitorDep) -> HTMLResponse:
    """A line for each use case."""
    now = dt.datetime.now(dt.UTC)
    with reading(visitor.settings.database_url) as cursor:
        rows = [_line(cursor, use_case, now) for use_case in visitor.use_cases.values()]
    return render(request, "use_cases.html", rows=rows, now=now, mlflow=views.mlflow(visitor.settings))


@router.get("/use-cases/{name}")
def one_use_case(request: Request, visitor: VisitorDep, name: str, days: Days = Days.MONTH) -> HTMLResponse:
    """All of one use case."""
    return _use_case(request, visitor, visitor.use_case(name), "use_case.html", days)


@router.get("/dag")
def one_dag(request: Request, visitor: VisitorDep, dag_id: str, days: Days = Days.MONTH) -> HTMLResponse:
    """What of a use case the DAG has to do with."""
    owner = owner_of(dag_id, list(visitor.use_cases))
    if owner is None:
        return render(request, "no_dag.html", dag_id=dag_id)
    use_case, kind = visitor.use_case(owner[0]), owner[1]
    return _use_case(request, visitor, use_case, "dag.html", days, dag_id=dag_id, kind=kind)


@router.get("/run")
def one_run(request: Request, visitor: VisitorDep, dag_id: str, run_id: str) -> HTMLResponse:
    """The tasks of a run, and what it wrote."""
    owner = owner_of(dag_id, list(visitor.use_cases))
    if owner is None:
        return render(request, "no_dag.html", dag_id=dag_id)
    use_case, kind = visitor.use_case(owner[0]), owner[1]
    model_name = use_case.config.model_name
    found = run_evidence(visitor.settings.database_url, use_case.name, model_name, kind, dag_id, run_id)
    mlflow = views.mlflow(visitor.settings)
    return render(
        request, "run.html", evidence=found, use_case=use_case, kind=kind, dag_id=dag_id, run_id=run_id, mlflow=mlflow
    )


@router.get("/use-cases/{name}/reports/{kind}/{report_id}")
def report(visitor: VisitorDep, name: str, kind: ReportKind, report_id: int) -> FileResponse:
    """The report of a drift check or of a file."""
    use_case = visitor.use_case(name)
    path: Path | None = report_path(visitor.settings, use_case.name, kind, report_id)
    if path is None:
        raise HTTPException(404, "There is no such report, or its file was removed.")
    return FileResponse(path, media_type="text/html", headers={"Content-Security-Policy": REPORT_POLICY})


@router.get("/lineage")
def lineage(request: Request, visitor: VisitorDep, inference_id: Annotated[str, Query()] = "") -> HTMLResponse:
    """Where a prediction comes from, or a form that asks for its id."""
    given = inference_id.strip()
    if not given:
        return render(request, "lineage.html", trace=None, given="", problem="", mlflow="")
    try:
        found = trace(visitor.settings, UUID(given))
    except ValueError:
        problem = "This is no inference id. It looks like 019b2f5e-8f00-7a3c-9c41-5d0e6a7b8c9d."
        return render(request, "lineage.html", status=404, trace=None, given=given, problem=problem, mlflow="")
    except PredictionNotFound:
        found = None
    if found is None or found.prediction.use_case not in visitor.use_cases:
        problem = "No prediction of that id is in the log, or you may not read the DAGs of its use case."
        return render(request, "lineage.html", status=404, trace=None, given=given, problem=problem, mlflow="")
    mlflow = views.mlflow(visitor.settings)
    return render(request, "lineage.html", trace=found, given=given, problem="", mlflow=mlflow)


@router.api_route("/{path:path}", methods=_METHODS, include_in_schema=False)
def nothing() -> HTMLResponse:
    """Any other address: as unknown as it is, it too is behind the login."""
    raise HTTPException(404, "There is no page at this address.")


def _line(cursor: Cursor, use_case: UseCase, now: dt.datetime) -> views.UseCaseLine:
    try:
        model_name, title = use_case.config.model_name, use_case.contract.title
    except ContractError as error:
        return views.UseCaseLine(use_case.name, use_case.name, "", None, str(error))
    found = status(cursor, use_case.name, model_name, now)
    return views.UseCaseLine(use_case.name, title, model_name, found, "")


def _use_case(
    request: Request, visitor: Visitor, use_case: UseCase, template: str, days: Days, dag_id: str = "", kind: str = ""
) -> HTMLResponse:
    config, settings = use_case.config, visitor.settings
    period = Period(dt.datetime.now(dt.UTC), days)
    found = overview(settings.database_url, use_case.name, config.model_name, config.metric.value, period)
    return render(
        request,
        template,
        use_case=use_case,
        landing=str(use_case.landing),
        o=found,
        charts=views.charts(found),
        days=days,
        choices=list(Days),
        mlflow=views.mlflow(settings),
        dag_id=dag_id,
        kind=kind,
    )
