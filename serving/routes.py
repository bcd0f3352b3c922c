"""The endpoints: parse, delegate, answer."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from pydantic_core import from_json, to_json
from starlette.background import BackgroundTask
from starlette.routing import Route

from ml.inference_id import new_id
from serving import log_record
from serving.challenger import ChallengerStanding
from serving.errors import MalformedRequest, wrong_field
from serving.model import Model
from serving.schemas import ChallengerInfo, Error, Feature, Health, ModelInfo, Ready
from serving.shadow import Answered
from serving.state import State
from serving.tracing import step

router = APIRouter()


@router.get("/health", tags=["operation"])
async def health() -> Health:
    """The process lives. Says nothing of the model: see /ready."""
    return Health()


@router.get("/ready", tags=["operation"], responses={503: {"model": Ready, "description": "Not ready"}})
async def ready(request: Request, response: Response) -> Ready:
    """Whether predictions are given, and what is not as it should be."""
    state = State.of(request)
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
    state = State.of(request)
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


async def predict(request: Request) -> Response:
    """Read one input, predict, log, answer.

    A plain Starlette endpoint: FastAPI's own handling of parameters and of the answer would cost more than the
    prediction. Its place in the API document is written by :mod:`serving.openapi`.
    """
    state = State.of(request)
    production = state.watcher.serving()
    body = await request.body()
    payload, key = _input(body)
    with step(request.scope, "predict"):
        prediction, role = await state.challenger.answer(production, payload, key)
    model, inference_id, now = prediction.model, new_id(), dt.datetime.now(dt.UTC)
    request.scope["state"].update(inference_id=inference_id, model_version=model.version)
    with step(request.scope, "log"):
        await state.log.append(log_record.record(inference_id, prediction, now, role))
    shadow = state.challenger.shadowing(production)
    after = (
        BackgroundTask(state.challenger.show, shadow, Answered(inference_id, payload, len(body), now))
        if shadow
        else None
    )
    answer = {
        "class": prediction.label,
        "probability": prediction.probability,
        "n_features": len(prediction.values),
        "model_version": model.version,
        "inference_id": inference_id,
        "threshold": model.manifest.threshold,
        "warnings": prediction.warnings,
    }
    return Response(to_json(answer), media_type="application/json", background=after)


def _input(body: bytes) -> tuple[Mapping[str, object], str | None]:
    """What ``input`` and ``key`` of a request's body hold.

    Raises :class:`MalformedRequest` or :class:`ml.errors.InvalidInput`.
    """
    try:
        # NaN and infinity are let through here, so that their field can be named.
        document = from_json(body, allow_inf_nan=True)
    except ValueError as error:
        raise MalformedRequest(f"the body is no JSON: {error}") from error
    if not isinstance(document, dict):
        raise MalformedRequest('the body must be a JSON object: {"input": {...}}')
    payload = document.get("input")
    if not isinstance(payload, dict):
        raise wrong_field("input", "must be an object that holds the fields by name")
    key = document.get("key")
    if not (key is None or isinstance(key, str)):
        raise wrong_field("key", "must be a text, or left out")
    return payload, key


PREDICT_PATHS = ("/v1/predict", "/predict")
predict_routes = [Route(path, predict, methods=["POST"]) for path in PREDICT_PATHS]
