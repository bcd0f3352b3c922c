"""Builds the app; ``python -m serving`` starts it."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from serving import json_log
from serving.access import Access
from serving.access_log import AccessLog
from serving.cache import BundleCache
from serving.challenger import challenger
from serving.docs import add_docs
from serving.endpoint import Shortcut
from serving.errors import STATUS, answer
from serving.guard import Guard
from serving.hosts import AllowedHosts
from serving.inference_log import InferenceLog
from serving.keys import ApiKeys
from serving.logged import LoggedAnswers
from serving.metrics import MeasuredRequests, Metrics
from serving.openapi import DescribedApi
from serving.registry import MlflowRegistry, Registry
from serving.routes import router, v1_routes
from serving.settings import ServingSettings
from serving.spool import Spool
from serving.state import State
from serving.tracing import TracedRequests, tracing
from serving.traffic import Traffic
from serving.watcher import Watcher

_FIRST_LOOK_SECONDS = 3


def create_app(settings: ServingSettings | None = None, registry: Registry | None = None) -> FastAPI:
    """The service. Without settings they are read from the environment; without a registry it is MLflow.

    The app starts whether or not there is a model, MLflow or Postgres: ``/ready`` says what is missing.
    """
    if settings is None:
        json_log.start()  # a worker is a process of its own
        settings = ServingSettings()
    app = DescribedApi(title=settings.model_name, version="1", lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    registry = registry or _mlflow(settings)
    log = InferenceLog(settings.database_url, Spool(settings.spool_dir, settings.spool_max_bytes))
    watcher = Watcher(registry, BundleCache(settings.cache_dir, settings.model_name), settings.model_name)
    app.state.serving = State(
        watcher,
        challenger(settings, registry),
        log,
        LoggedAnswers(settings.database_url, log),
        Metrics(),
        Traffic(settings.database_url, watcher, log),
    )
    app.router.routes.extend(v1_routes)
    app.include_router(router)
    add_docs(app)
    for error in STATUS:
        app.add_exception_handler(error, answer)
    _protect(app, settings)
    return app


def _mlflow(settings: ServingSettings) -> MlflowRegistry:
    login = (settings.mlflow_username, settings.mlflow_password.get_secret_value())
    return MlflowRegistry(
        settings.mlflow_tracking_uri, settings.model_name, login if settings.mlflow_username else None
    )


def _protect(app: FastAPI, settings: ServingSettings) -> None:
    """What a request passes before the endpoints; the last one added comes first."""
    app.add_middleware(Shortcut, routes=v1_routes)
    app.add_middleware(
        Guard,
        hosts=AllowedHosts([settings.host, *filter(None, map(str.strip, settings.allowed_hosts.split(",")))]),
        access=Access(ApiKeys(settings.api_keys_file) if settings.api_keys_file else None),
        max_body_bytes=settings.max_body_bytes,
        max_concurrent=settings.max_concurrent,
        request_seconds=settings.request_seconds,
    )
    app.state.tracing = tracing(settings.otlp_endpoint, settings.model_name) if settings.otlp_endpoint else None
    if app.state.tracing:
        app.add_middleware(TracedRequests, tracing=app.state.tracing)
    state: State = app.state.serving
    app.add_middleware(MeasuredRequests, metrics=state.metrics, traffic=state.traffic)
    if settings.access_log:
        app.add_middleware(AccessLog)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[dict[str, float]]:
    """Runs the watcher and the log; takes requests once the registry was asked, or did not answer in time."""
    state: State = app.state.serving
    tasks = [
        asyncio.create_task(state.watcher.run(app.state.settings.poll_seconds)),
        asyncio.create_task(state.challenger.run(app.state.settings.poll_seconds)),
        asyncio.create_task(state.log.run()),
        asyncio.create_task(state.metrics.run(state.watcher, state.challenger, state.log)),
        asyncio.create_task(state.traffic.run()),
    ]
    with suppress(TimeoutError):
        await asyncio.wait_for(state.watcher.first_look.wait(), _FIRST_LOOK_SECONDS)
    # What was imported stays for good: without it, looking for garbage stops all requests for tens of milliseconds.
    gc.collect()
    gc.freeze()
    yield {"read_seconds": app.state.settings.read_seconds}  # for the protocol
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    state.answers.postgres.close()
    if app.state.tracing:
        await asyncio.to_thread(app.state.tracing.close)
