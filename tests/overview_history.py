"""A made-up past for one use case in the platform's tables: days of files, trainings, drift, performance, traffic.

The same arguments give the same past. It has what an operator looks for: a file of bad rows, drift that ends in a
retraining, versions that the gate refused, runs that failed, hours in which the API was slow.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from psycopg2.extensions import cursor as Cursor
from psycopg2.extras import Json, execute_values, register_uuid

from ml import store
from ml.inference_id import batch_id
from ml.model_config import GateMode
from ml.monitoring import drift_store
from ml.monitoring.column_drift import ColumnDrift
from ml.monitoring.drift_store import DriftReport, Predictions
from ml.monitoring.inference_window import ModelVersion
from ml.monitoring.measure import Measure
from ml.performance.statistics import Figure
from ml.performance.store import Check, Measured, save_check, save_figures
from ml.performance.verdict import State
from ml.performance.windows import window_of
from ml.promotion import verdicts
from ml.promotion.verdict import GateVerdict, Rule
from ml.traffic import LATENCY_LIMITS

DAY, HOUR, MINUTE = dt.timedelta(days=1), dt.timedelta(hours=1), dt.timedelta(minutes=1)
TRAINED_EVERY = 40
"""Days."""
LABELS_AFTER = 7
"""Days until the labels of a day are there."""
_DAGS = {
    "ingest": ("load", "report_rejected"),
    "validate": ("judge",),
    "score": ("split", "predict", "collect"),
    "drift": ("check", "alert"),
    "outcomes": ("collect", "judge", "alert"),
}
_METRICS = {"roc_auc": 0.79, "average_precision": 0.44, "brier": 0.082, "f1": 0.46, "ece": 0.014}


@dataclass(frozen=True)
class History:
    """What to write: ``days`` days that end at ``until``, each with ``columns`` columns checked for drift.

    These have the ``names``, where they are given, each.
    """

    use_case: str = "bank_marketing"
    model_name: str = "bank-model"
    days: int = 30
    columns: int = 20
    names: tuple[str, ...] = ()
    until: dt.datetime = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
    reports_dir: Path = Path("/nowhere/reports")
    seed: int = 7
    random: random.Random = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "random", random.Random(self.seed))

    @property
    def start(self) -> dt.datetime:
        return self.until - self.days * DAY

    @property
    def each_day(self) -> list[dt.datetime]:
        """The midnights at which the days begin, the oldest first."""
        return [self.start + n * DAY for n in range(self.days)]

    @property
    def trainings(self) -> list[tuple[str, dt.datetime]]:
        """Versions, each with when it was trained: the first on the first day, the last a few days ago."""
        oldest = [self.start + n * DAY for n in range(0, max(self.days - TRAINED_EVERY // 2, 1), TRAINED_EVERY)]
        moments = [*oldest, self.until - 5 * DAY, self.until - 2 * DAY]
        return [(str(n), moment + 4 * HOUR) for n, moment in enumerate(moments, 1)]

    @property
    def promoted(self) -> list[tuple[str, dt.datetime]]:
        """Versions that got into production: all but the last, which challenges, and each third, which was refused."""
        return [(v, at + 5 * HOUR) for v, at in self.trainings[:-1] if int(v) % 3 or int(v) == 1]

    def production(self, moment: dt.datetime) -> str:
        return [v for v, at in self.promoted if at <= moment + DAY][-1]

    def drifts(self, day: dt.datetime) -> bool:
        """Three days in each forty, the last of them a week ago."""
        return (self.until - day).days % TRAINED_EVERY in (7, 8, 9)


def seed(database_url: str, history: History) -> None:
    """Write it; the tables of the use case's own schema are left alone."""
    with store.connect(database_url) as connection, connection.cursor() as cursor:
        register_uuid(conn_or_curs=cursor)
        for write in (
            _files,
            _trainings,
            _training_files,
            _gate,
            _promotions,
            _drift,
            _performance,
            _runs,
            _traffic,
            _log,
        ):
            write(cursor, history)
        cursor.execute("ANALYZE")


def _insert(cursor: Cursor, table: str, names: str, rows: Sequence[Sequence[object]]) -> None:
    execute_values(cursor, f"INSERT INTO {table} ({names}) VALUES %s", rows, page_size=2000)


def _run_id(moment: dt.datetime) -> str:
    return f"scheduled__{moment.isoformat()}"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _files(cursor: Cursor, h: History) -> None:
    """A file a day; each 30th is bad, each 45th is refused before a row of it is read."""
    rows: list[tuple[object, ...]] = []
    for n, day in enumerate(h.each_day):
        name, at = f"calls-{day:%Y-%m-%d}.csv", day + 2 * HOUR
        read, back = h.random.randint(900, 1500), h.days - n
        common = (h.use_case, name, _sha256(name), read * 70)
        if back % 45 == 12:
            reason = "the header lacks the column 'balance'"
            rows.append((*common, "rejected", reason, 0, 0, 0, _run_id(at), at, None, None, None, None, None))
            continue
        bad = int(read * (0.12 if back % 30 == 3 else h.random.random() ** 3 * 0.02))
        verdict, good = ("failed", 0) if bad > 0.05 * read else ("passed", read - bad)
        report = str(h.reports_dir / "validation" / f"{h.use_case}-{n:06d}.html")
        judged = (verdict, good, bad, report, at + HOUR + MINUTE / 3)
        rows.append((*common, "loaded", None, read, read, 0, _run_id(at), at, *judged))
    _insert(
        cursor,
        "ml.ingest_ledger",
        "use_case, file_name, sha256, bytes, status, reason, rows_read, rows_new, rows_repeated, run_id, at,"
        " validation, rows_good, rows_quarantined, report, validated_at",
        rows,
    )


def _metrics(version: str) -> dict[str, float]:
    return {name: round(value + 0.002 * (int(version) % 5), 4) for name, value in _METRICS.items()}


def _trainings(cursor: Cursor, h: History) -> None:
    rows = [
        (h.use_case, h.model_name, version, _sha256(version)[:32], "roc_auc", _metrics(version)["roc_auc"], 36168, 9043,
         h.columns, Json({}), Json(_metrics(version)), _sha256(f"snapshot {version}")[:16], at)
        for version, at in h.trainings
    ]  # fmt: skip
    _insert(
        cursor,
        "ml.training_data",
        "use_case, model_name, model_version, run_id, metric_name, metric_value, n_train, n_test, n_features,"
        " feature_stats, metrics, snapshot_id, timestamp",
        rows,
    )


def _training_files(cursor: Cursor, h: History) -> None:
    """Each version was trained on the good rows of the thirty days before."""
    cursor.execute(
        "INSERT INTO ml.training_files SELECT t.model_name, t.model_version, l.id, l.rows_good,"
        " int8multirange(int8range(2, l.rows_good + 2)), l.at::date, l.at::date FROM ml.training_data t"
        " JOIN ml.ingest_ledger l ON l.use_case = t.use_case AND l.validation = 'passed' AND l.at < t.timestamp"
        " AND l.at > t.timestamp - interval '30 days' WHERE t.use_case = %s",
        (h.use_case,),
    )


def _passed(h: History, version: str) -> bool:
    return version in dict(h.promoted) or version == h.trainings[-1][0]


def _gate(cursor: Cursor, h: History) -> None:
    for version, at in h.trainings:
        before = [v for v, when in h.promoted if when < at]
        verdicts.keep(cursor, h.model_name, version, before[-1] if before else None, _verdict(h, version))
        cursor.execute(
            "UPDATE ml.gate_verdicts SET at = %s WHERE model_name = %s AND model_version = %s",
            (at + 20 * MINUTE, h.model_name, version),
        )


def _verdict(h: History, version: str) -> GateVerdict:
    gain = 0.0042 if _passed(h, version) else -0.0231
    own = _metrics(version)["roc_auc"]
    rules = (
        Rule("roc_auc", f"{own:.4f}, production {own - gain:.4f}: {gain:+.4f}", "not below -0.01", gain > 0),
        Rule("slices", "worst: job = student, -0.012", "none surely below -0.05", True),
        Rule("calibration", "ece 0.0142", "0.05", True),
        Rule("latency", "0.2 ms", "20 ms", True),
        Rule("size", "4.1 MB", "200 MB", True),
    )
    return GateVerdict("roc_auc", own, own - gain, gain, gain - 0.004, gain + 0.004, 9043, rules, mode=GateMode.MANUAL)


def _promotions(cursor: Cursor, h: History) -> None:
    entries = list(_entries(cursor, h))
    names = "model_name, from_version, to_version, stage, outcome, actor, source, why, gate, at"
    _insert(cursor, "ml.promotions", names, sorted(entries, key=lambda entry: entry[-1]))


def _entries(cursor: Cursor, h: History) -> Iterator[tuple[Any, ...]]:
    ways = [None, *(v for v, _ in h.promoted)]
    for before, (version, at) in zip(ways, h.promoted, strict=False):
        gate = Json(verdicts.last(cursor, h.model_name, version))
        why = "first version" if before is None else "better on the hold-out, drift since spring"
        yield h.model_name, before, version, "Production", "promoted", "anna", "airflow", why, gate, at
    last, at = h.trainings[-1]
    at += 30 * MINUTE
    production = h.promoted[-1][0]
    passed = "passed the gate"
    yield h.model_name, production, last, "Challenger", "promoted", "gate", "gate", passed, None, at
    why = "shadow: a week beside production"
    yield h.model_name, production, last, "Challenger", "promoted", "anna", "cli", why, None, at + HOUR
    why = "a try; refused: its bundle cannot be fetched from run 4"
    yield h.model_name, production, last, "Production", "refused", "ben", "cli", why, None, at + 2 * HOUR


def column_names(h: History) -> list[str]:
    return list(h.names) or [f"column_{n:02d}" for n in range(1, h.columns + 1)]


def _drift(cursor: Cursor, h: History) -> None:
    """A check a day; the first two days have too few rows."""
    for n, day in enumerate(h.each_day):
        end = day + DAY
        drifts = h.drifts(day)
        columns = [_column(h, i, name, drifts) for i, name in enumerate(column_names(h))]
        columns.sort(key=lambda c: (not c.drifted, -c.first.ratio, c.column))
        state = "insufficient_data" if n < 2 else "drift" if drifts else "ok"
        report = DriftReport(
            h.use_case, h.model_name, h.production(day), end - 7 * DAY, end, 100 if n < 2 else 5000 + n, state, columns,
            Predictions(0.118, 0.094, [300, 200, 150, 100, 80, 60, 50, 40, 30, 20, 0]),
            str(h.reports_dir / "drift" / f"{h.use_case}-{end:%Y%m%d}.html"),
            "confirmed" if state == "drift" else "ok",
        )  # fmt: skip
        saved = drift_store.save(cursor, report)
        retraining = f"drift_report_{saved.id}" if state == "drift" and not h.drifts(day - DAY) else None
        cursor.execute(
            "UPDATE ml.drift_reports SET at = %s, retraining = %s WHERE id = %s",
            (day + 5 * HOUR + MINUTE / 3, retraining, saved.id),
        )


def _column(h: History, number: int, name: str, drifts: bool) -> ColumnDrift:
    moved = drifts and number % 6 == 1
    value = h.random.uniform(0.25, 0.6) if moved else min(h.random.gammavariate(2, 0.02), 0.19)
    measures = [
        Measure(
            "psi", value, p_value=1e-6 if moved else 0.3, limit=0.2, adjusted=1e-5 if moved else 1.0, drifted=moved
        ),
        Measure("ks", value / 3, p_value=0.2, limit=0.2, adjusted=1.0),
        Measure("null_rate", 0.0, limit=0.05),
    ]
    window = [h.random.randint(300, 700) for _ in range(10)]
    return ColumnDrift(
        name, "number", measures, moved, [f"{n * 10} to {n * 10 + 10}" for n in range(9)] + ["null"],
        [4000, 4100, 3900, 4000, 4200, 3800, 4000, 4100, 3900, 0], window, 41.2, 10.1, 41.2 + 10 * value, 10.4,
    )  # fmt: skip


def _performance(cursor: Cursor, h: History) -> None:
    """Estimated each day, realised as far as labels have arrived, with figures of ten slices beside them."""
    for n, day in enumerate(h.each_day):
        of, window = ModelVersion(h.use_case, h.model_name, h.production(day)), window_of(day, "day")
        fallen = 0.09 if 11 <= (h.days - n) % 90 <= 13 else 0.0
        figures = _figures(h, fallen)
        measured = [
            Measured("estimated", {name: Figure(f.value + 0.01, None, None) for name, f in figures.items()}, 1200, None)
        ]
        if h.days - n > LABELS_AFTER:
            measured.append(Measured("realised", figures, 1100, 130))
            measured += [Measured("realised", _figures(h, fallen), 210, 25, "column_01", f"{s}") for s in range(10)]
            auc = figures["roc_auc"]
            state = State.FELL if fallen else State.OK
            moment = day + (LABELS_AFTER + 1) * DAY
            check = save_check(cursor, Check(of, window, 1100, state, "roc_auc", 0.79, auc, moment))
            cursor.execute(
                "UPDATE ml.performance_checks SET at = %s WHERE id = %s", (moment - 18 * HOUR + MINUTE / 3, check)
            )
        save_figures(cursor, of, window, measured)


def _figures(h: History, fallen: float) -> dict[str, Figure]:
    noise = h.random.gauss(0, 0.008)
    return {
        name: Figure(
            max(value + noise - fallen, 0.001), max(value + noise - fallen - 0.03, 0), value + noise - fallen + 0.03
        )
        for name, value in _METRICS.items()
    }


def _runs(cursor: Cursor, h: History) -> None:
    rows = [task for n, day in enumerate(h.each_day) for task in _runs_of(h, n, day)]
    for _, at in h.trainings:
        rows += _run(h, "train", ("check_data", "fit", "gate"), at, minutes=6)
    _insert(
        cursor,
        "ml.task_runs",
        "use_case, dag_id, run_id, task_id, try_number, state, error, run_after, started_at, ended_at",
        rows,
    )


def _runs_of(h: History, n: int, day: dt.datetime) -> Iterator[tuple[object, ...]]:
    for hour, (kind, tasks) in enumerate(_DAGS.items(), 2):
        error = None
        if kind == "drift" and h.drifts(day):
            error = f"Drift. In the 5,000 predictions of {h.model_name}, 4 of {h.columns} columns differ."
        if kind == "validate" and (h.days - n) % 30 == 3:
            error = f"calls-{day:%Y-%m-%d}.csv: 12.0% of the rows break the contract, the limit is 5.0%."
        yield from _run(h, kind, tasks, day + hour * HOUR, minutes=1, error=error)


def _run(
    h: History, kind: str, tasks: Sequence[str], at: dt.datetime, *, minutes: int, error: str | None = None
) -> Iterator[tuple[object, ...]]:
    """One task after the other, each of ``minutes``; the last one fails with the error."""
    for number, task in enumerate(tasks):
        failed = error if task == tasks[-1] else None
        began = at + number * minutes * MINUTE
        ended = began + minutes * MINUTE * h.random.uniform(0.4, 0.9)
        state = "failed" if failed else "success"
        yield h.use_case, f"{h.use_case}_{kind}", _run_id(at), task, 1, state, failed, at, began, ended


def _traffic(cursor: Cursor, h: History) -> None:
    """Two processes, an hour each row, by endpoint; busy by day, slow for three hours a fortnight ago."""
    processes = [UUID(int=h.random.getrandbits(128), version=4) for _ in range(2)]
    rows: list[tuple[object, ...]] = []
    for n in range(24 * h.days):
        hour = h.start + n * HOUR
        slow = 0 <= (h.until - 14 * DAY - hour) / HOUR < 3
        for process in processes:
            for endpoint, share in (("predict", 1.0), ("batch", 0.02)):
                requests = int(share * h.random.randint(2000, 2600) * (1.6 if 7 <= hour.hour < 19 else 0.5))
                refused, failed = int(requests * 0.004), int(requests * (0.03 if slow else 0.0002))
                counts = _latencies(requests, slow)
                rows.append(
                    (hour, process, h.use_case, h.production(hour), endpoint, requests, refused, failed, counts)
                )
    names = "hour, process, use_case, model_version, endpoint, requests, client_errors, server_errors, latency_counts"
    _insert(cursor, "ml.serving_traffic", names, rows)


def _latencies(requests: int, slow: bool) -> list[int]:
    """Most take 1 to 2.5 ms; in slow hours 100 times as long."""
    shares = {0.001: 0.20, 0.0025: 0.62, 0.005: 0.14, 0.01: 0.03, 0.025: 0.01}
    if slow:
        shares = {0.1: 0.3, 0.25: 0.4, 0.5: 0.2, 1.0: 0.1}
    counts = [int(requests * shares.get(limit, 0)) for limit in (*LATENCY_LIMITS, None)]
    counts[counts.index(max(counts))] += requests - sum(counts)
    return counts


def _log(cursor: Cursor, h: History) -> None:
    """Some answers of each day."""
    rows: list[tuple[object, ...]] = []
    for day in h.each_day:
        version = h.production(day)
        for n in range(4):
            at = day + 10 * HOUR + n * MINUTE
            name = f"{h.model_name}/{version}"
            rows.append((
                batch_id(h.use_case, name, f"{day:%F}/{n}", at), h.use_case, h.model_name, version,
                _sha256(version)[:32], json.dumps({"column_01": n}), n % 2, 0.2 + 0.1 * n, 0.3, "online", at,
            ))  # fmt: skip
    _insert(
        cursor,
        "ml.inference_logs",
        "inference_id, use_case, model_name, model_version, run_id, input, prediction, probability, threshold, source,"
        " timestamp",
        rows,
    )
