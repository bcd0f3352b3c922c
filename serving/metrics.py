"""What Prometheus is told at ``/metrics``.

Where ``PROMETHEUS_MULTIPROC_DIR`` names a folder, workers share their numbers through it and any of them answers for
all; else each answers for itself. What is a state rather than an event is read when it is asked for, and costs a
request nothing; with several workers each also notes it every few seconds, for the others' answers.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from functools import lru_cache
from http import HTTPStatus
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import Literal

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4 as CONTENT_TYPE
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from serving.challenger import Challenger
from serving.challenger_metrics import ChallengerMetrics
from serving.inference_log import InferenceLog
from serving.traffic import ENDPOINTS, Traffic
from serving.watcher import Watcher

__all__ = ["CONTENT_TYPE", "PHASES", "MeasuredRequests", "Metrics"]

_FOLDER = "PROMETHEUS_MULTIPROC_DIR"
_SECONDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_PROBABILITIES = tuple(n / 20 for n in range(1, 21))
_NOTE_SECONDS = 5
_CLIENT_GONE = 499  # as others call it
PHASES = ("parse", "predict", "log")


class Metrics:
    """The numbers of one app."""

    def __init__(self) -> None:
        self.in_flight = 0
        """Requests at work in this process."""
        self._registry = registry = CollectorRegistry()
        self._duration = Histogram(
            "serving_request_duration_seconds",
            "Time a request takes, by phase: its body read and checked, predicted, made durable, and all of it",
            ["endpoint", "phase"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._requests = Counter(
            "serving_requests_total", "Answers by status", ["endpoint", "status"], registry=registry
        )
        self._errors = Counter(
            "serving_errors_total", "Answers that are errors, by what went wrong", ["kind", "status"], registry=registry
        )
        self._probability = Histogram(
            "serving_prediction_probability",
            "Probability of the positive class that was answered",
            ["model_version"],
            buckets=_PROBABILITIES,
            registry=registry,
        )
        self._predictions = Counter(
            "serving_predictions_total", "Predictions answered", ["model_version", "class"], registry=registry
        )
        self._states = [
            (Gauge(name, text, registry=registry, multiprocess_mode=mode), read) for name, text, mode, read in _STATES
        ]
        self._model = Gauge(
            "serving_model_info",
            "Processes in which this version serves; 0 once another does",
            ["model_name", "model_version", "run_id"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self._challenger = ChallengerMetrics(registry)
        self._noting = Lock()
        self._served: tuple[str, str, str] | None = None
        # Looking a child up by its labels costs more than to count.
        endpoints = set(ENDPOINTS.values())
        self._phases = {e: [self._duration.labels(e, phase) for phase in PHASES] for e in endpoints - {"outcomes"}}
        self._totals = {e: self._duration.labels(e, "total") for e in endpoints}
        self._answers = lru_cache(maxsize=256)(self._requests.labels)
        self._classes = lru_cache(maxsize=64)(self._predictions.labels)
        self._versions = lru_cache(maxsize=32)(self._probability.labels)

    def phases(self, endpoint: str, *seconds: float) -> None:
        """Note what each of :data:`PHASES` took, for ``predict`` or ``batch``."""
        for phase, took in zip(self._phases[endpoint], seconds, strict=True):
            phase.observe(took)

    def predicted(self, version: str, probabilities: Sequence[float], positive: int) -> None:
        """Note predictions of a version, ``positive`` of them of class 1."""
        observe = self._versions(version).observe
        for probability in probabilities:
            observe(probability)
        if positive:
            self._classes(version, "1").inc(positive)
        if positive < len(probabilities):
            self._classes(version, "0").inc(len(probabilities) - positive)

    def answered(self, scope: Scope, status: int, seconds: float) -> None:
        """Note the answer to a request."""
        endpoint = ENDPOINTS.get(scope["path"], "other")
        self._answers(endpoint, str(status)).inc()
        if endpoint in self._totals:
            self._totals[endpoint].observe(seconds)
        if status >= HTTPStatus.BAD_REQUEST:
            self._errors.labels(scope["state"].get("error") or _kind(status), str(status)).inc()

    def note(self, watcher: Watcher, challenger: Challenger, log: InferenceLog) -> None:
        """Read the states. Blocks for as long as listing the spool does."""
        with self._noting:  # two at once would count twice what happened since the last time
            self._challenger.note(challenger)
        for gauge, read in self._states:
            gauge.set(read(self, log))
        model = watcher.standing.model
        serves = (model.source.name, model.version, model.source.run_id) if model else None
        if self._served and self._served != serves:
            self._model.labels(*self._served).set(0)
        if serves:
            self._model.labels(*serves).set(1)
        self._served = serves

    def text(self) -> bytes:
        """All numbers, as Prometheus reads them."""
        folder = os.environ.get(_FOLDER)
        if not folder:
            return generate_latest(self._registry)
        _forget_dead(Path(folder))
        together = CollectorRegistry()
        MultiProcessCollector(together)  # type: ignore[no-untyped-call]
        return generate_latest(together)

    async def run(self, watcher: Watcher, challenger: Challenger, log: InferenceLog) -> None:
        """With several workers: note the states every few seconds, until cancelled."""
        while os.environ.get(_FOLDER):
            await asyncio.to_thread(self.note, watcher, challenger, log)
            await asyncio.sleep(_NOTE_SECONDS)


_STATES: tuple[tuple[str, str, Literal["livesum", "livemostrecent"], Callable[[Metrics, InferenceLog], float]], ...] = (
    ("serving_requests_in_flight", "Requests at work", "livesum", lambda metrics, _: metrics.in_flight),
    (
        "serving_log_waiting_records",
        "Log records that wait to become durable, with them their requests",
        "livesum",
        lambda _, log: log.waiting,
    ),
    (
        "serving_log_spool_bytes",
        "Bytes in the spool, on their way to Postgres",
        "livemostrecent",
        lambda _, log: log.spool.size(),
    ),
    ("serving_log_spool_segments", "Files in the spool", "livemostrecent", lambda _, log: len(log.spool.segments())),
    (
        "serving_log_postgres_away",
        "Processes whose log records go to the spool, because Postgres takes none",
        "livesum",
        lambda _, log: log.away is not None,
    ),
)
"""Name, meaning, how workers' values become one, and how the state is read."""


class MeasuredRequests:
    """Middleware that counts and times every request."""

    def __init__(self, app: ASGIApp, metrics: Metrics, traffic: Traffic) -> None:
        self._app = app
        self._metrics = metrics
        self._traffic = traffic

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass it on."""
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        scope.setdefault("state", {})
        metrics = self._metrics
        status, started = 0, perf_counter()

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        metrics.in_flight += 1
        try:
            await self._app(scope, receive, watched)
        except Exception:
            status = status or 500
            raise
        finally:
            metrics.in_flight -= 1
            seconds = perf_counter() - started
            metrics.answered(scope, status or _CLIENT_GONE, seconds)
            self._traffic.answered(scope, status or _CLIENT_GONE, seconds)


def _kind(status: int) -> str:
    """For answers that no error of the platform's made."""
    return "ClientGone" if status == _CLIENT_GONE else HTTPStatus(status).phrase.title().replace(" ", "")


def _forget_dead(folder: Path) -> None:
    """Take the states of workers that were killed out of the sums."""
    for pid in {path.stem.rpartition("_")[2] for path in folder.glob("gauge_live*_*.db")}:
        if not Path(f"/proc/{pid}").exists():
            mark_process_dead(int(pid), str(folder))  # type: ignore[no-untyped-call]
