"""Compares a challenger with production, by what the inference log and the outcomes say of both.

As a shadow it has seen the same requests, which are compared pair by pair; as a canary other requests of the same
time, which are compared as two samples.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from psycopg2.extensions import cursor as Cursor

from ml.errors import NoChallenger, NoProductionModel
from ml.monitoring import binning
from ml.monitoring.jensen_shannon import jensen_shannon
from ml.monitoring.psi import critical_value, psi
from ml.promotion import comparison_report, resampling
from ml.promotion.challenger import rivals
from ml.promotion.resampling import Difference, Floats, Statistic
from ml.settings import Settings
from ml.store import connect

LARGEST = 100_000
"""Rows of one version that are looked at, the newest."""
_LEVEL = 0.05
_TENTHS = np.arange(1, 10) / 10
_BETTER_IF_HIGHER = {"roc_auc", "average_precision"}
_BETTER_IF_LOWER = {"brier", "log_loss", "median_ms", "p95_ms", "p99_ms"}
_SHARES = {"median_ms": 0.5, "p95_ms": 0.95, "p99_ms": 0.99}

Kind = Literal["shadow", "canary"]
Verdict = Literal["better", "worse", "higher", "lower", "not told apart"]


@dataclass(frozen=True)
class Figure:
    """One figure of both versions, and the 95 % interval of challenger less production; None where there is none."""

    name: str
    production: float
    challenger: float
    difference: float
    low: float | None
    high: float | None
    verdict: Verdict

    def shown(self) -> dict[str, object]:
        """As a row of a table."""
        interval = "–" if self.low is None or self.high is None else f"{self.low:+.4g} to {self.high:+.4g}"
        return {
            "figure": self.name,
            "production": f"{self.production:.4g}",
            "challenger": f"{self.challenger:.4g}",
            "difference": f"{self.difference:+.4g}",
            "95 % interval": interval,
            "challenger is": self.verdict,
        }


@dataclass(frozen=True)
class Scores:
    """How far the distributions of the two versions' scores are apart.

    ``psi`` up to ``psi_by_chance`` two samples of one distribution would have too, 95 times of 100. The counts are
    of tenths of the probability.
    """

    psi: float
    psi_by_chance: float
    jensen_shannon: float
    production: list[int]
    challenger: list[int]


@dataclass(frozen=True)
class Part:
    """What one kind of experiment showed; ``outcomes`` of production and of the challenger are known by now."""

    kind: Kind
    title: str
    start: dt.datetime
    end: dt.datetime
    n_production: int
    n_challenger: int
    outcomes: tuple[int, int]
    note: str
    same_class: float | None
    figures: list[Figure]
    scores: Scores

    @property
    def tenths(self) -> list[tuple[float, float]]:
        """Shares of production's and of the challenger's requests, by tenths of the probability."""
        one, other = self.scores.production, self.scores.challenger
        return [(a / self.n_production, b / self.n_challenger) for a, b in zip(one, other, strict=True)]


@dataclass(frozen=True)
class Comparison:
    """A part for each kind of experiment that has left rows in the log; ``page`` is the path of the report."""

    model_name: str
    production: str
    challenger: str
    parts: list[Part]
    page: str

    @property
    def lines(self) -> list[str]:
        """What was found, in a few words."""
        what = f"{self.model_name}: challenger {self.challenger} against version {self.production}."
        if not self.parts:
            return [f"{what} The log has no request that both could be compared by."]
        return [what, *(f"{part.title} {part.note}" for part in self.parts)]


@dataclass(frozen=True)
class Sample:
    """What one version answered, N rows each; NaN where a label or the milliseconds are not known."""

    scores: Floats
    classes: Floats
    milliseconds: Floats
    labels: Floats

    def __len__(self) -> int:
        return len(self.scores)


@dataclass(frozen=True)
class _Seen:
    """What the challenger saw in one role."""

    use_case: str
    start: dt.datetime
    end: dt.datetime


def compare(
    settings: Settings,
    model_name: str,
    *,
    version: str | None = None,
    against: str | None = None,
    since: dt.datetime | None = None,
) -> Comparison:
    """Compare ``version`` with ``against``, by default the versions with the aliases, and write the report's page.

    Requests before ``since`` do not count. Raises :class:`ml.errors.ModelNotFound`, and :class:`NoChallenger` or
    :class:`NoProductionModel` where no version is given and none has the alias.
    """
    if not (version and against):
        production, challenger = rivals(settings, model_name)
        version, against = version or challenger, against or production
    if version is None:
        raise NoChallenger(model_name)
    if against is None:
        raise NoProductionModel(model_name)
    parts = []
    with connect(settings.database_url, application="compare") as connection, connection.cursor() as cursor:
        if shadow := _seen(cursor, model_name, version, "shadow", since):
            pairs = _pairs(cursor, model_name, version, against, shadow)
            parts.append(_part("shadow", shadow, *pairs))
        if canary := _seen(cursor, model_name, version, "challenger", since):
            one = _sample(cursor, model_name, against, "production", canary)
            other = _sample(cursor, model_name, version, "challenger", canary)
            parts.append(_part("canary", canary, one, other))
    found = [part for part in parts if part]
    page = str(comparison_report.path_of(settings, model_name, against, version))
    comparison = Comparison(model_name, against, version, found, page)
    comparison_report.write(comparison)
    return comparison


def figures(production: Sample, challenger: Sample, *, paired: bool) -> list[Figure]:
    """All figures that the rows allow: of outcomes where both samples have both classes, of latency where it is known.

    ``paired``: row i of both is of one request.
    """
    found = _compared(_answers(production), _answers(challenger), len(production), len(challenger), paired)
    timed = _where(production, challenger, "milliseconds", paired)
    if all(map(len, timed)):
        one, other = timed
        found += _compared(_latency(one), _latency(other), len(one), len(other), paired)
    known = _where(production, challenger, "labels", paired)
    if all(len(set(sample.labels)) == 2 for sample in known):
        one, other = known
        found = _compared(_outcomes(one), _outcomes(other), len(one), len(other), paired) + found
    return found


def scores(production: Floats, challenger: Floats) -> Scores:
    """How far apart, by tenths of production's scores."""
    cut = binning.cuts(*binning.find_bins(production))
    one, other = (binning.count(sample, cut)[:-1] for sample in (production, challenger))
    tenths = [binning.count(sample, _TENTHS)[:-1].tolist() for sample in (production, challenger)]
    return Scores(
        psi=float(psi(one, other)),
        psi_by_chance=float(critical_value(one, other, _LEVEL)),
        jensen_shannon=jensen_shannon(one, other),
        production=tenths[0],
        challenger=tenths[1],
    )


def _part(kind: Kind, seen: _Seen, production: Sample, challenger: Sample) -> Part | None:
    if not (len(production) and len(challenger)):
        return None
    paired = kind == "shadow"
    known = tuple(int(np.isfinite(s.labels).sum()) for s in (production, challenger))
    what = (
        f"Shadow: {len(challenger):,} requests that both saw."
        if paired
        else f"Canary: {len(production):,} requests that production answered, {len(challenger):,} the challenger."
    )
    note = f"Outcomes are known of {known[0]:,}." if paired else f"Outcomes are known of {known[0]:,} and {known[1]:,}."
    if max(len(production), len(challenger)) == LARGEST:
        note += f" Only the newest {LARGEST:,} count."
    found = figures(production, challenger, paired=paired)
    if not any(figure.name == "roc_auc" for figure in found):
        note += " For figures of outcomes both classes are needed, of both versions."
    return Part(
        kind=kind,
        title=what,
        start=seen.start,
        end=seen.end,
        n_production=len(production),
        n_challenger=len(challenger),
        outcomes=(known[0], known[1]),
        note=note,
        same_class=float((production.classes == challenger.classes).mean()) if paired else None,
        figures=found,
        scores=scores(production.scores, challenger.scores),
    )


def _answers(sample: Sample) -> dict[str, Statistic]:
    return {"mean_score": resampling.mean(sample.scores), "positive_share": resampling.mean(sample.classes)}


def _latency(sample: Sample) -> dict[str, Statistic]:
    return {name: resampling.quantile(sample.milliseconds, share) for name, share in _SHARES.items()}


def _outcomes(sample: Sample) -> dict[str, Statistic]:
    made = {
        "roc_auc": resampling.roc_auc,
        "average_precision": resampling.average_precision,
        "brier": resampling.brier,
        "log_loss": resampling.log_loss,
    }
    return {name: make(sample.labels, sample.scores) for name, make in made.items()}


def _compared(
    one: Mapping[str, Statistic], other: Mapping[str, Statistic], n_one: int, n_other: int, paired: bool
) -> list[Figure]:
    pairs = {name: (one[name], other[name]) for name in one}
    found = resampling.differences(pairs, n_one, n_other, paired=paired)
    return [
        Figure(name, d.first, d.second, d.difference, d.low, d.high, _verdict(name, d)) for name, d in found.items()
    ]


def _verdict(name: str, found: Difference) -> Verdict:
    if found.low is None or found.high is None or found.low <= 0 <= found.high:
        return "not told apart"
    higher = found.low > 0
    if name in _BETTER_IF_HIGHER:
        return "better" if higher else "worse"
    if name in _BETTER_IF_LOWER:
        return "worse" if higher else "better"
    return "higher" if higher else "lower"


def _where(one: Sample, other: Sample, what: Literal["labels", "milliseconds"], paired: bool) -> tuple[Sample, Sample]:
    """The rows in which something is known; of pairs, in both."""
    known = [np.isfinite(getattr(sample, what)) for sample in (one, other)]
    if paired:
        known = [known[0] & known[1]] * 2
    first, second = (
        Sample(sample.scores[k], sample.classes[k], sample.milliseconds[k], sample.labels[k])
        for sample, k in zip((one, other), known, strict=True)
    )
    return first, second


def _seen(cursor: Cursor, model_name: str, version: str, role: str, since: dt.datetime | None) -> _Seen | None:
    cursor.execute(
        "SELECT min(use_case), min(timestamp), max(timestamp) FROM ml.inference_logs WHERE role = %s"
        " AND role <> 'production' AND model_name = %s AND model_version = %s"
        " AND timestamp >= coalesce(%s::timestamptz, '-infinity')",
        (role, model_name, version, since),
    )
    ((use_case, start, end),) = cursor.fetchall()
    return _Seen(use_case, start, end) if use_case else None


def _pairs(cursor: Cursor, model_name: str, version: str, against: str, seen: _Seen) -> tuple[Sample, Sample]:
    """What production answered, and what the challenger would have."""
    cursor.execute(
        "SELECT p.probability, p.prediction, p.milliseconds, o.label, s.probability, s.prediction, s.milliseconds,"
        " o.label FROM ml.inference_logs s JOIN ml.inference_logs p ON p.inference_id = s.shadow_of"
        " LEFT JOIN ml.outcomes o ON o.inference_id = s.shadow_of WHERE s.role = 'shadow' AND s.role <> 'production'"
        " AND s.model_name = %s AND s.model_version = %s AND s.timestamp BETWEEN %s AND %s AND p.model_version = %s"
        " ORDER BY s.timestamp DESC, s.inference_id LIMIT %s",
        (model_name, version, seen.start, seen.end, against, LARGEST),
    )
    rows = np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 8)
    return Sample(*rows[:, :4].T), Sample(*rows[:, 4:].T)


def _sample(cursor: Cursor, model_name: str, version: str, role: str, seen: _Seen) -> Sample:
    cursor.execute(
        "SELECT i.probability, i.prediction, i.milliseconds, o.label FROM ml.inference_logs i"
        " LEFT JOIN ml.outcomes o USING (inference_id) WHERE i.use_case = %s AND i.model_name = %s"
        " AND i.model_version = %s AND i.role = %s AND i.source = 'online' AND i.timestamp BETWEEN %s AND %s"
        " AND i.milliseconds IS NOT NULL"  # one request, one input; of many the challenger has no share
        " ORDER BY i.timestamp DESC, i.inference_id LIMIT %s",
        (seen.use_case, model_name, version, role, seen.start, seen.end, LARGEST),
    )
    return Sample(*np.array(cursor.fetchall(), dtype=np.float64).reshape(-1, 4).T)
