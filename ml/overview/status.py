"""How a use case stands right now, and what of it somebody should look at."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from psycopg2.extensions import cursor as Cursor

from ml.overview.data_quality import File, newest_files
from ml.overview.drift_map import DriftCheck, newest_checks
from ml.overview.live_performance import Verdict, newest_verdict
from ml.overview.runs import Dag, last_runs
from ml.overview.serving_traffic import EndpointTraffic, by_endpoint
from ml.overview.versions import Standing, challenger, production

_RUNS_OF = dt.timedelta(days=30)
_TRAFFIC_OF = dt.timedelta(hours=24)
_ERROR_SHARE = 0.01
"""Of requests, by the server's fault; above it somebody should look."""


@dataclass(frozen=True)
class Concern:
    """Something to look at: ``about`` is runs, data, drift, performance, versions or traffic.

    It is not ``grave`` where it is only suspected.
    """

    about: str
    text: str
    grave: bool = True


@dataclass(frozen=True)
class Status:
    """The newest of everything; None where there is nothing yet. ``endpoints`` are of the last 24 hours."""

    production: Standing | None
    challenger: Standing | None
    dags: list[Dag]
    file: File | None
    drift: DriftCheck | None
    verdict: Verdict | None
    endpoints: list[EndpointTraffic]

    @property
    def is_empty(self) -> bool:
        """Whether nothing has happened yet."""
        return not (self.production or self.file or any(dag.runs for dag in self.dags))

    @property
    def concerns(self) -> list[Concern]:
        """What somebody should look at, the gravest first; empty where all is well."""
        found = [*self._of_versions(), *self._of_data(), *self._of_models(), *self._of_traffic()]
        known = {concern.about for concern in found}
        found += [c for dag in self.dags for c in _of_runs(dag, known)]
        return sorted(found, key=lambda concern: not concern.grave)

    def _of_versions(self) -> Iterator[Concern]:
        if self.production is None:
            yield Concern("versions", "No version is in production: nothing is served.")

    def _of_data(self) -> Iterator[Concern]:
        if self.file and self.file.refused:
            why = f": {self.file.reason}" if self.file.reason else ", too many rows broke the contract"
            yield Concern("data", f"The newest file, {self.file.file_name}, was refused{why}.")

    def _of_models(self) -> Iterator[Concern]:
        if self.drift and self.drift.state == "drift":
            until = f"in the window that ended {self.drift.window_end:%Y-%m-%d}"
            yield Concern("drift", f"Drift is {self.drift.standing} {until}.", self.drift.standing == "confirmed")
        if self.verdict and self.verdict.state == "fell" and self.verdict.value is not None:
            found = f"{self.verdict.metric} of version {self.verdict.version} fell to {self.verdict.value:.4f}"
            yield Concern("performance", f"{found}; on its hold-out it was {self.verdict.reference:.4f}.")

    def _of_traffic(self) -> Iterator[Concern]:
        requests = sum(e.traffic.requests for e in self.endpoints)
        failed = sum(e.traffic.server_errors for e in self.endpoints)
        if requests and failed / requests > _ERROR_SHARE:
            yield Concern("traffic", f"{failed:,} of {requests:,} requests of the last 24 hours failed in the server.")


_SAID_BY = {"validate": "data", "ingest": "data", "drift": "drift", "outcomes": "performance"}
"""The run of such a DAG is red because of what it found, which is told once."""


def _of_runs(dag: Dag, known: set[str]) -> Iterator[Concern]:
    if dag.last and dag.last.state == "failed" and _SAID_BY.get(dag.kind) not in known:
        yield Concern(
            "runs", f"The last run of {dag.kind} failed at {dag.last.task}: {dag.last.error or 'see its log'}"
        )


def status(cursor: Cursor, use_case: str, model_name: str, now: dt.datetime) -> Status:
    """The status of a use case whose model has that name."""
    files, checks = newest_files(cursor, use_case, limit=1), newest_checks(cursor, use_case, limit=1)
    return Status(
        production=production(cursor, model_name),
        challenger=challenger(cursor, model_name),
        dags=last_runs(cursor, use_case, now - _RUNS_OF),
        file=files[0] if files else None,
        drift=checks[0] if checks else None,
        verdict=newest_verdict(cursor, use_case, model_name),
        endpoints=by_endpoint(cursor, use_case, now - _TRAFFIC_OF),
    )
