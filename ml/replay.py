"""Runs the years of a file month by month through the platform's own functions, to see what its rules are worth.

Each month is answered by the model in production then; its labels arrive a month later. Three ways are compared:
never retrained, retrained each month, and retrained when drift or late labels ask for it and the gate agrees.
Neither MLflow nor the database is needed, and nothing but the output folder is written to.
"""

from __future__ import annotations

import csv
import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from ml.contract import Column
from ml.errors import ConfigError, NotEnoughData
from ml.model_config import Candidate, ModelConfig
from ml.replaying import picture
from ml.replaying.history import read_history, windows
from ml.replaying.policy import Monthly, Never, OnDrift, Policy
from ml.replaying.replayed_model import Workshop
from ml.replaying.results import ReplayResult, summarise, table
from ml.use_case import UseCase

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]
"""Is told what was done, how many windows are done, and of how many."""


@dataclass(frozen=True)
class Replayed:
    """What came of it, a row a window and way, and how long it took."""

    result: ReplayResult
    rows: list[dict[str, object]]
    candidate: str
    seconds: float
    picture: Path


def replay(use_case: UseCase, data: Path, out: Path, progress: Progress = lambda *_: None) -> Replayed:
    """Replay a file; writes ``replay.json``, ``replay.csv`` and ``replay.png`` to the folder ``out``.

    The same file and configuration give the same figures. Raises :class:`ml.errors.ConfigError` without an event
    time, :class:`ml.errors.FileRefused` where the file cannot be read, :class:`ml.errors.NotEnoughData` where it has
    too few months.
    """
    started = time.monotonic()
    name, candidate, config = configured(use_case.config)
    history = read_history(use_case.contract, data)
    found = windows(history, config.performance.min_rows)
    first = config.replay.first_windows
    if len(found) < first + 2:
        raise NotEnoughData(f"{data.name} has {len(found)} windows of {config.performance.min_rows} rows; "
                            f"a replay needs {first + 2}.")  # fmt: skip
    workshop = Workshop(history, _features(use_case, candidate), candidate, config)
    model = workshop.fit(found[:first])
    policies: list[Policy] = [kind(workshop, found, model) for kind in (Never, Monthly, OnDrift)]
    for at in range(first, len(found)):
        for policy in policies:
            policy.live(at)
        progress(found[at].name, at - first + 1, len(found) - first)
    on_drift = policies[-1]
    assert isinstance(on_drift, OnDrift)
    result = summarise(policies, bool(on_drift.late_labels(len(found))), config.performance.max_drop)
    out.mkdir(parents=True, exist_ok=True)
    picture.draw(policies, f"{use_case.contract.title}: {name}, month by month", out / "replay.png")
    done = Replayed(result, table(policies), name, time.monotonic() - started, out / "replay.png")
    _write(done, out)
    return done


def configured(config: ModelConfig) -> tuple[str, Candidate, ModelConfig]:
    """The candidate that is fitted, as given and not tuned, and the configuration for windows of a month.

    Raises :class:`ConfigError` where ``replay`` names no candidate.
    """
    replayed = config.replay
    name = replayed.candidate or next(iter(config.candidates))
    if name not in config.candidates or config.candidates[name].is_blend:
        single = ", ".join(n for n, c in config.candidates.items() if not c.is_blend)
        raise ConfigError(f"model.yaml: replay.candidate is {name!r}; it may be {single}.")
    max_loss = config.performance.max_drop if replayed.max_loss is None else replayed.max_loss
    changes = {
        # As what is predicted lies after what is known, so do the rows that calibration and threshold are fitted on.
        "tuning": config.tuning.model_copy(update={"trials": 0, "order": None}),
        "drift": config.drift.model_copy(update={"confirm": replayed.confirm, "cooldown_days": replayed.cooldown_days}),
        "gate": config.gate.model_copy(update={"max_loss": max_loss}),
    }
    return name, config.candidates[name], config.model_copy(update=changes)


def _features(use_case: UseCase, candidate: Candidate) -> tuple[Column, ...]:
    """What the candidate takes: what it does without, as the day of the year, is no drift of this model."""
    return tuple(f for f in use_case.model_features if f.name not in candidate.without)


def _write(done: Replayed, out: Path) -> None:
    document = {**asdict(done.result), "candidate": done.candidate, "seconds": done.seconds, "windows": done.rows}
    (out / "replay.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    with (out / "replay.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(done.rows[0]))
        writer.writeheader()
        writer.writerows(done.rows)
