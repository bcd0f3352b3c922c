"""Airflow's REST API (v2): start runs, wait for them, read what they returned and what they said."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from stack.errors import RunFailed, StackError

_FINISHED = ("success", "failed")
_WAITING = "awaiting_input"
_HEARD_SECONDS = 2


@dataclass(frozen=True)
class DagRun:
    """A run of a DAG; its id is unique within the DAG."""

    dag_id: str
    run_id: str


class AirflowApi:
    """A logged-in user of the Airflow at ``url``. Methods raise :class:`StackError` where it does not do as asked."""

    def __init__(self, url: str, user: str, password: str) -> None:
        self.url = url
        accept = {"accept": "application/json"}
        self._http = httpx.Client(base_url=url, timeout=30, trust_env=False, headers=accept)
        token = self._call("POST", "/auth/token", json={"username": user, "password": password})["access_token"]
        self._http.headers["authorization"] = f"Bearer {token}"

    def close(self) -> None:
        """Let the connections go."""
        self._http.close()

    def wait_for_dag(self, dag_id: str, *, seconds: float = 90) -> None:
        """Until the DAG processor has read it."""
        _until(lambda: self._status(f"/api/v2/dags/{dag_id}") == 200, seconds, self._missing(dag_id))

    def _missing(self, dag_id: str) -> Callable[[], StackError]:
        def error() -> StackError:
            wrong = [e["stack_trace"].strip() for e in self._call("GET", "/api/v2/importErrors")["import_errors"]]
            return StackError(f"Airflow knows no DAG {dag_id}. Import errors: {'; '.join(wrong) or 'none'}")

        return error

    def trigger(self, dag_id: str, conf: Mapping[str, object]) -> DagRun:
        """Start a run without a logical date, with what its form would say."""
        body = {"logical_date": None, "conf": dict(conf)}
        return DagRun(dag_id, self._call("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"])

    def wait(self, run: DagRun, *, seconds: float = 900) -> str:
        """Until the run has ended; returns ``success`` or ``failed``."""
        states: list[str] = []

        def finished() -> bool:
            states.append(self._call("GET", _path(run))["state"])
            return states[-1] in _FINISHED

        _until(finished, seconds, lambda: StackError(f"{run.dag_id} is {states[-1]} after {seconds:.0f} s: "
                                                     f"{self.page(run)}"))  # fmt: skip
        return states[-1]

    def succeed(self, run: DagRun) -> None:
        """Wait for a run that must succeed. Raises :class:`RunFailed` with the end of the failed task's log."""
        if self.wait(run) != "success":
            tasks = self.failed_tasks(run)
            log = self.log(run, tasks[0]) if tasks else "    (no task failed: the run itself did)"
            raise RunFailed(run.dag_id, tasks, self.page(run), log)

    def runs(self, dag_id: str) -> list[DagRun]:
        """The runs of a DAG, the newest first."""
        query = {"order_by": "-run_after", "limit": "100"}
        runs = self._call("GET", f"/api/v2/dags/{dag_id}/dagRuns", params=query)["dag_runs"]
        return [DagRun(dag_id, run["dag_run_id"]) for run in runs]

    def caused_by(self, run: DagRun, dag_id: str, *, seconds: float = 60) -> DagRun:
        """The run of ``dag_id`` that an asset updated by ``run`` has started; waits until there is one."""
        found: list[DagRun] = []

        def started() -> bool:
            query = {"source_dag_id": run.dag_id, "source_run_id": run.run_id}
            events = self._call("GET", "/api/v2/assets/events", params=query)["asset_events"]
            made = (r for event in events for r in event["created_dagruns"] if r["dag_id"] == dag_id)
            found.extend(DagRun(dag_id, r["run_id"]) for r in made)
            return bool(found)

        _until(started, seconds, lambda: StackError(f"{run.dag_id} started no run of {dag_id}: {self.page(run)}"))
        return found[0]

    def returned(self, run: DagRun, task_id: str) -> dict[str, Any]:
        """The object that a task returned (its XCom)."""
        return dict(self._call("GET", f"{_path(run)}/taskInstances/{task_id}/xcomEntries/return_value")["value"])

    def approve(self, run: DagRun, task_id: str, *, seconds: float = 120) -> None:
        """Say yes to a task that asks a person, as often as it asks; the run ending before that is not waited out.

        Airflow loses an answer that comes before the scheduler has heard that the task waits: it takes the task
        for failed, tries it again, and that asks anew.
        """
        path = f"{_path(run)}/taskInstances/{task_id}"

        def answered() -> bool:
            state = self._call("GET", path)["state"]
            if state == _WAITING and not self._call("GET", f"{path}/-1/hitlDetails")["response_received"]:
                time.sleep(_HEARD_SECONDS)
                answer = {"chosen_options": ["Approve"], "params_input": {}}
                self._call("PATCH", f"{path}/-1/hitlDetails", json=answer)
            return state == "success" or self._call("GET", _path(run))["state"] in _FINISHED

        _until(answered, seconds, lambda: StackError(f"{run.dag_id} did not ask for approval: {self.page(run)}"))

    def failed_tasks(self, run: DagRun) -> list[str]:
        """Names of the tasks that failed themselves, not those that followed from it."""
        tasks = self._call("GET", f"{_path(run)}/taskInstances")["task_instances"]
        return [task["task_id"] for task in tasks if task["state"] == "failed"]

    def log(self, run: DagRun, task_id: str, *, lines: int = 15) -> str:
        """The end of a task's log, indented."""
        task = self._call("GET", f"{_path(run)}/taskInstances/{task_id}")
        path = f"{_path(run)}/taskInstances/{task_id}/logs/{max(task['try_number'], 1)}"
        content = self._call("GET", path, params={"full_content": "true"})["content"]
        return "\n".join(f"    {line}" for entry in content[-lines:] for line in _event(entry).splitlines())

    def page(self, run: DagRun) -> str:
        """Address of the run in the UI."""
        return f"{self.url}/dags/{run.dag_id}/runs/{run.run_id}"

    def _status(self, path: str) -> int:
        return self._send("GET", path).status_code

    def _call(
        self, method: str, path: str, *, json: object = None, params: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        reply = self._send(method, path, json=json, params=params)
        if reply.is_error:
            raise StackError(f"Airflow refused {method} {path} ({reply.status_code}): {reply.text[:500]}")
        return dict(reply.json())

    def _send(
        self, method: str, path: str, *, json: object = None, params: Mapping[str, str] | None = None
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, json=json, params=params)
        except httpx.HTTPError as error:
            raise StackError(f"Airflow at {self.url} does not answer: {error!r}; see `make status`.") from error


def _event(entry: dict[str, Any] | str) -> str:
    """What a line of a log says, with the errors it tells of."""
    if isinstance(entry, str):
        return entry
    errors = [f"{error['exc_type']}: {error['exc_value']}" for error in entry.get("error_detail") or []]
    return "\n".join([entry["event"], *errors])


def _path(run: DagRun) -> str:
    return f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"


def _until(done: Callable[[], bool], seconds: float, error: Callable[[], StackError], poll: float = 0.5) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        if time.monotonic() > deadline:
            raise error()
        time.sleep(poll)
