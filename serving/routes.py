"""The endpoints: parse, delegate, answer."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from serving.batch import PATH as BATCH_PATH
from serving.batch import predict_batch
from serving.challenger import ChallengerStanding
from serving.endpoint import Endpoint
from serving.metrics import CONTENT_TYPE
from serving.model import Model
from serving.outcomes import PATH as OUTCOMES_PATH
from serving.outcomes import add_outcome
from serving.predict import PREDICT_PATHS, predict
from serving.schemas import ChallengerInfo, Error, Feature, Health, ModelInfo, Ready
from serving.state import State

router = APIRouter()


@router.get("/health", tags=["operation"])
async def health() -> Health:
    """The process lives. Says nothing of the model: see /ready."""
    return Health()


@router.get("/ready", tags=["operation"], responses={503: {"model": Ready, "description": "Not ready"}})
async def ready(request: Request, response: Response) -> Ready:
    """Whether predictions are given, and what is not as it should be."""
    state = State.of(request.scope)
    standing, away, full = state.watcher.standing, state.log.away, state.log.spool_problem
    model, problems = standing.model, [str(standing.problem)] if standing.problem else []
    if away:
        problems.append(f"Postgres takes no log records, the spool does: {away}")
    if full:
        problems.append(f"The spool takes none either, predictions are withheld: {full}")
    if problems and "client" not in request.scope["state"]:
        problems = ["There are problems; ask with an API key to see them."]
    response.status_code = 200 if model else 503
    return Ready(
        status="ready" if model else "not ready",
        model_version=model.version if model else None,
        log="spool" if away else "postgres",
        problems=problems,
    )


@router.get("/v1/model", tags=["model"], responses={503: {"model": Error, "description": "No model serves"}})
async def model_info(request: Request) -> ModelInfo:
    """The version that serves: trained when and on what, how good, on which features."""
    state = State.of(request.scope)
    return _info(state.watcher.serving(), state.challenger.standing)


def _info(model: Model, challenger: ChallengerStanding) -> ModelInfo:
    manifest = model.manifest
    columns = [manifest.contract.column(f.name) for f in manifest.features]
    return ModelInfo(
        use_case=manifest.use_case,
        title=manifest.contract.title,
        model_name=manifest.model_name,
        model_version=model.version,
        run_id=manifest.run_id,
        since=model.since,
        trained_at=manifest.trained_at,
        n_train=manifest.n_train,
        n_test=manifest.n_test,
        snapshot_id=manifest.snapshot_id,
        metrics=manifest.metrics,
        threshold=manifest.threshold,
        features=[
            Feature.model_validate({**c.model_dump(), "nullable": c.nulls == "allowed"}, extra="ignore")
            for c in columns
        ],
        contract=manifest.contract,
        challenger=_challenger_info(model, challenger),
    )


def _challenger_info(model: Model, standing: ChallengerStanding) -> ChallengerInfo:
    problem = str(standing.problem) if standing.problem else None
    if standing.model and standing.model.version == model.version:
        problem = f"Version {model.version} is in production, so it challenges nothing."
    return ChallengerInfo(
        mode=standing.setup.mode.value,
        percent=standing.setup.percent,
        version=standing.version,
        since=standing.model.since if standing.model else None,
        problem=problem,
    )


@router.get("/metrics", tags=["operation"], response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus: latency by phase, requests at work, errors, the log's backlog, versions, predictions."""
    state = State.of(request.scope)

    def text() -> bytes:
        state.metrics.note(state.watcher, state.challenger, state.log)
        return state.metrics.text()

    return Response(await asyncio.to_thread(text), media_type=CONTENT_TYPE)


v1_routes = [
    *(Route(path, Endpoint(predict), methods=["POST"]) for path in PREDICT_PATHS),
    Route(BATCH_PATH, Endpoint(predict_batch), methods=["POST"]),
    Route(OUTCOMES_PATH, Endpoint(add_outcome), methods=["POST"]),
]
