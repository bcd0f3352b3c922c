"""Builds the app: ``uvicorn --factory serving.app:create_app``."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI

from serving.cache import BundleCache
from serving.docs import add_docs
from serving.errors import STATUS, answer
from serving.inference_log import InferenceLog
from serving.openapi import DescribedApi
from serving.registry import MlflowRegistry, Registry
from serving.routes import predict_routes, router
from serving.settings import ServingSettings
from serving.spool import Spool
from serving.state import State
from serving.watcher import Watcher

_FIRST_LOOK_SECONDS = 3


def create_app(settings: ServingSettings | None = None, registry: Registry | None = None) -> FastAPI:
    """The service. Without settings they are read from the environment; without a registry it is MLflow.

    The app starts whether or not there is a model, MLflow or Postgres: ``/ready`` says what is missing.
    """
    if settings is None:
        # Started by uvicorn's factory, which sets up its own loggers only.
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
        settings = ServingSettings()
    app = DescribedApi(title=settings.model_name, version="1", lifespan=_lifespan, docs_url=None, redoc_url=None)
    app.state.settings = settings
    app.state.serving = State(
        Watcher(
            registry or MlflowRegistry(settings.mlflow_tracking_uri, settings.model_name),
            BundleCache(settings.cache_dir, settings.model_name),
            settings.model_name,
        ),
        InferenceLog(settings.database_url, Spool(settings.spool_dir)),
    )
    app.router.routes.extend(predict_routes)
    app.include_router(router)
    add_docs(app)
    for error in STATUS:
        app.add_exception_handler(error, answer)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Runs the watcher and the log; takes requests once the registry was asked, or did not answer in time."""
    state: State = app.state.serving
    tasks = [
        asyncio.create_task(state.watcher.run(app.state.settings.poll_seconds)),
        asyncio.create_task(state.log.run()),
    ]
    with suppress(TimeoutError):
        await asyncio.wait_for(state.watcher.first_look.wait(), _FIRST_LOOK_SECONDS)
    yield
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
