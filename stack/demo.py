"""The main job, driven the way an operator drives it: through Airflow's REST API and the serving API.

data → ingest → validate → train → promote → serve → score → drift → retrain. The stack stays up.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from ml.contract import Column
from ml.ingestion.byte_check import checksum_of
from ml.ingestion.source import provide
from ml.settings import Settings
from ml.use_case import UseCase, load_use_case
from stack.airflow import USER, airflow_url, password
from stack.airflow_api import AirflowApi, DagRun
from stack.config import StackConfig
from stack.environment import platform
from stack.errors import RunFailed, StackError
from stack.evidence import last_retraining, newest_event, rows_of_file
from stack.mlflow import mlflow_url
from stack.progress import Progress, say
from stack.serving import serving_url
from stack.summary import Summary

_LAST_MONTHS = 10
_PICKED_UP_SECONDS = 30
_DAGS = ("ingest", "validate", "train", "promote", "score", "drift")


class Demo:
    """One run of the main job on a stack that is up."""

    def __init__(self, config: StackConfig, use_case: str, progress: Progress) -> None:
        self._use_case = load_use_case(config.use_cases, use_case)
        self._settings = _settings(config)
        self._progress = progress
        self._airflow = AirflowApi(airflow_url(config), USER, password(config))
        self._serving = serving_url(config, use_case)
        self._began = dt.datetime.now(dt.UTC)
        self.summary = Summary(seconds=progress.seconds)
        self.summary.urls = {
            "airflow": airflow_url(config),
            "mlflow": mlflow_url(config),
            "serving": self._serving,
            "docs": f"{self._serving}/docs",
        }

    def run(self, data: Path | None) -> Summary:
        """All steps. Raises :class:`StackError` at the first that does not do as it should."""
        for name in _DAGS:
            self._airflow.wait_for_dag(self._dag(name))
        self._ingest(data)
        self._train()
        self._promote()
        self._predict()
        self._check_drift_like_training()
        self._check_drift_of_last_months()
        return self.summary

    def _ingest(self, data: Path | None) -> None:
        with self._progress.step("data") as step:
            provided = provide(self._settings, self._use_case, data)
            self.summary.data_source = step.note = f"{provided.kind}: {provided.note}"
            checksum = checksum_of(provided.path)
        with self._progress.step("ingest") as step:
            ingest = self._succeed("ingest", {})
            rows, _ = rows_of_file(self._settings, self._use_case, checksum)
            self.summary.rows_ingested, step.note = rows, f"{rows} rows in raw"
        with self._progress.step("validate") as step:
            self._airflow.succeed(self._airflow.caused_by(ingest, self._dag("validate")))
            _, bad = rows_of_file(self._settings, self._use_case, checksum)
            self.summary.rows_quarantined, step.note = bad, f"{bad} rows in quarantine"

    def _train(self) -> None:
        with self._progress.step("train") as step:
            run = self._succeed("train", {})
            result, gate = (self._airflow.returned(run, task) for task in ("fit", "gate"))
            self.summary.gate = gate["summary"]
            self.summary.candidates = result["candidates"]
            self.summary.registered_version = str(result["model_version"])
            step.note = f"version {result['model_version']}, {result['metric_name']} {result['metric_value']:.4f}"
            step.note += f", gate {gate['summary']}"

    def _promote(self) -> None:
        version = self.summary.registered_version
        with self._progress.step("promote"):
            run = self._trigger("promote", {"version": version, "why": "make demo"})
            self._airflow.approve(run, "approve")
            self._airflow.succeed(run)
        with self._progress.step("pick up", f"version {version} serves, without a restart"):
            self._wait_until_served(version)
        self.summary.production_version = version

    def _wait_until_served(self, version: str) -> None:
        deadline = time.monotonic() + _PICKED_UP_SECONDS
        while (ready := httpx.get(f"{self._serving}/ready", trust_env=False).json())["model_version"] != version:
            if time.monotonic() > deadline:
                raise StackError(f"{self._serving} does not serve version {version}: {ready['problems']}")
            time.sleep(0.2)

    def _predict(self) -> None:
        with self._progress.step("predict") as step:
            reply = httpx.post(f"{self._serving}/predict", json=example_request(self._use_case), trust_env=False)
            if reply.is_error:
                raise StackError(f"{self._serving}/predict answered {reply.status_code}: {reply.text[:500]}")
            self.summary.prediction = reply.json()
            step.note = f"class {reply.json()['class']}, probability {reply.json()['probability']:.4f}"

    def _check_drift_like_training(self) -> None:
        as_of = self._began - dt.timedelta(days=2)
        with self._progress.step("score all") as step:
            self.summary.rows_scored = self._score({"as_of": as_of.isoformat()})
            step.note = f"{self.summary.rows_scored} rows"
        with self._progress.step("drift, like training") as step:
            self._airflow.succeed(self._trigger("drift", _window(as_of)))
            self.summary.drift_clean = step.note = "success"

    def _check_drift_of_last_months(self) -> None:
        newest = newest_event(self._settings, self._use_case)
        if newest is None:
            say("  Without an event time there are no last months to compare with.")
            return
        as_of, start = self._began - dt.timedelta(days=1), months_before(newest, _LAST_MONTHS)
        with self._progress.step("score last months") as step:
            rows = self._score({"as_of": as_of.isoformat(), "start": start.isoformat()})
            step.note = f"{rows} rows since {start}"
        with self._progress.step("drift, last months") as step:
            run = self._trigger("drift", _window(as_of))
            state = self._airflow.wait(run)
            verdict = self._verdict(run)
            columns = [found["column"] for found in verdict["drifted"]]
            self.summary.drift_shifted = {"state": state, "columns": columns}
            step.note = f"{state}, as it should: {', '.join(columns)}"
        self._wait_for_retraining(verdict["retrain"])

    def _verdict(self, run: DagRun) -> dict[str, Any]:
        """What the check found; it has to be drift, told by a red task."""
        failed = self._airflow.failed_tasks(run)
        if failed != ["alert"]:
            log = self._airflow.log(run, failed[0]) if failed else "    the last months were expected to have drifted"
            raise RunFailed(run.dag_id, failed, self._airflow.page(run), log)
        return self._airflow.returned(run, "check")

    def _wait_for_retraining(self, started: bool) -> None:
        run_id = last_retraining(self._settings, self._use_case)
        if run_id is None:
            raise StackError("The drift started no training; see the run's page in Airflow.")
        with self._progress.step("retrain") as step:
            self._airflow.succeed(DagRun(self._dag("train"), run_id))
            step.note = run_id if started else f"not again in the cooldown; {run_id} was the last one"
        self.summary.retrain_run_id = run_id

    def _score(self, conf: Mapping[str, object]) -> int:
        return int(self._airflow.returned(self._succeed("score", conf), "collect")["rows_scored"])

    def _succeed(self, name: str, conf: Mapping[str, object]) -> DagRun:
        run = self._trigger(name, conf)
        self._airflow.succeed(run)
        return run

    def _trigger(self, name: str, conf: Mapping[str, object]) -> DagRun:
        return self._airflow.trigger(self._dag(name), conf)

    def _dag(self, name: str) -> str:
        return f"{self._use_case.name}_{name}"


def example_request(use_case: UseCase) -> dict[str, Any]:
    """``example_request.json`` of the use case's folder, else one made from the contract's examples."""
    path = use_case.folder / "example_request.json"
    if path.is_file():
        return dict(json.loads(path.read_text()))
    return {"input": {column.name: _example(column) for column in use_case.model_features}}


def _example(column: Column) -> object:
    """A value that the contract allows."""
    if column.example is not None:
        return column.example
    if column.categories:
        return column.categories[0]
    low, high = column.range or (None, None)
    return low if low is not None else high if high is not None else 0


def months_before(day: dt.date, months: int) -> dt.date:
    """First day of the month that lies so many months before that of ``day``."""
    count = day.year * 12 + day.month - 1 - months
    return dt.date(count // 12, count % 12 + 1, 1)


def _window(as_of: dt.datetime) -> dict[str, str]:
    """A window that holds the predictions of that moment and no others."""
    hour = dt.timedelta(hours=1)
    return {"window_start": (as_of - hour).isoformat(), "window_end": (as_of + hour).isoformat()}


def _settings(config: StackConfig) -> Settings:
    given = {k.removeprefix("ML_").lower(): v for k, v in platform(config).items() if k.startswith("ML_")}
    return Settings.model_validate(given)
