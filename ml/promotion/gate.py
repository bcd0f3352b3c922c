"""Judges a version against the one in production, on the same rows that neither was fitted on.

All rules must hold:

- *metric*: the 95 % interval of its difference to production (paired bootstrap) may not reach below ``-max_loss``:
  a test for non-inferiority, so that few rows, which tell little, pass nobody. Without production: the floor.
- *slices*: in no slice of ``min_rows`` rows may the whole interval lie below ``-max_slice_loss``: a loss beyond
  chance as well as beyond the limit, since among many slices some are worse by chance.
- *calibration*: the expected calibration error is within ``max_ece``, or no larger than production's on these rows,
  or than what chance gives a perfectly calibrated model on so many rows (95 %).
- *latency*, *size*: of one row through the exported model, and of its files; where they are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ml.evaluation.calibration_error import by_chance, expected_calibration_error
from ml.evaluation.slices import each_slice
from ml.model_config import Gate, Metric
from ml.promotion import resampling
from ml.promotion.resampling import Difference, Floats, Statistic
from ml.promotion.verdict import GateVerdict, Rule


@dataclass(frozen=True)
class Rival:
    """What one version makes of the N rows: probabilities of the positive class, and from where on it says so.

    ``latency_ms`` is of one row, ``artifact_mb`` of the files that are served; None where that is not known.
    """

    probabilities: Floats
    threshold: float
    latency_ms: float | None = None
    artifact_mb: float | None = None


def judge(
    labels: npt.NDArray[np.int64],
    challenger: Rival,
    production: Rival | None,
    slices: pd.DataFrame,
    metric: Metric,
    config: Gate,
    notes: Sequence[str] = (),
) -> GateVerdict:
    """The verdict on ``challenger``, by N labels of 0 and 1 with both classes present.

    ``slices`` has a row each of names, see :func:`ml.evaluation.slices.slice_names`. ``production`` is None where
    there is none, or none that can predict these rows. Raises ``ValueError`` where the labels are of one class.
    """
    if len(np.unique(labels)) < 2:
        raise ValueError(f"{len(labels)} rows of one class tell no two models apart")
    truth = labels.astype(np.float64)
    own = _statistic(metric, truth, challenger)(np.ones(len(truth)))
    difference = _difference(metric, truth, production, challenger) if production else None
    rules = [_overall(metric, difference, config) if difference else _floor(metric, truth, own, config)]
    if production:
        rules.append(_slices(metric, truth, production, challenger, slices, config))
    rules += [_calibration(labels, challenger, production, config), *_cost(challenger, config)]
    return GateVerdict(
        metric=metric.value,
        challenger=own,
        production=difference.first if difference else None,
        difference=difference.difference if difference else None,
        low=difference.low if difference else None,
        high=difference.high if difference else None,
        n_rows=len(labels),
        rules=tuple(rules),
        notes=tuple(notes),
        mode=config.mode,
    )


def _statistic(metric: Metric, truth: Floats, rival: Rival) -> Statistic:
    if metric is Metric.F1:
        return resampling.f1(truth, (rival.probabilities >= rival.threshold).astype(np.float64))
    make = resampling.roc_auc if metric is Metric.ROC_AUC else resampling.average_precision
    return make(truth, rival.probabilities)


def _difference(metric: Metric, truth: Floats, production: Rival, challenger: Rival) -> Difference:
    pair = _statistic(metric, truth, production), _statistic(metric, truth, challenger)
    return resampling.differences({"": pair}, len(truth), len(truth), paired=True)[""]


def _overall(metric: Metric, found: Difference, config: Gate) -> Rule:
    if found.low is None:
        return Rule(metric.value, "too few rows of a class", f"loss up to {config.max_loss:g}", passed=False)
    figure = f"{found.second:.4f}, production {found.first:.4f}: {found.difference:+.4f} ({_interval(found)})"
    return Rule(metric.value, figure, f"not below {-config.max_loss:g}", found.low >= -config.max_loss)


def _floor(metric: Metric, truth: Floats, own: float, config: Gate) -> Rule:
    if config.floor is not None:
        return Rule(
            metric.value, f"{own:.4f}, nothing in production", f"at least {config.floor:g}", own >= config.floor
        )
    skilless = _skilless(metric, float(truth.mean()))
    limit = f"above {skilless:.4f}, a model without skill"
    return Rule(metric.value, f"{own:.4f}, nothing in production", limit, own > skilless)


def _skilless(metric: Metric, positive: float) -> float:
    """What a model has that says the same of every row; for F1 that each row is positive."""
    return {Metric.ROC_AUC: 0.5, Metric.AVERAGE_PRECISION: positive, Metric.F1: 2 * positive / (1 + positive)}[metric]


def _slices(
    metric: Metric, truth: Floats, production: Rival, challenger: Rival, slices: pd.DataFrame, config: Gate
) -> Rule:
    """Names the slice that lost most of those surely below the limit, else of all."""
    limit = f"none surely below {-config.max_slice_loss:g}"
    losses: list[tuple[float, str, npt.NDArray[np.bool_]]] = []
    for column, name, rows in each_slice(slices, config.min_rows):
        if 0 < truth[rows].sum() < rows.sum():
            before, after = (_figure(metric, truth, rival, rows) for rival in (production, challenger))
            losses.append((after - before, f"{column} {name}", rows))
    if not losses:
        return Rule("slices", f"none of {config.min_rows} rows", limit, passed=True)
    losses.sort(key=lambda found: found[0])
    for loss, name, rows in losses:
        if loss >= -config.max_slice_loss:
            break
        found = _difference(metric, truth[rows], _part(production, rows), _part(challenger, rows))
        if found.high is not None and found.high < -config.max_slice_loss:
            return Rule("slices", f"{name}: {loss:+.4f} ({_interval(found)})", limit, passed=False)
    return Rule("slices", f"{len(losses)} judged, lowest {losses[0][1]}: {losses[0][0]:+.4f}", limit, passed=True)


def _figure(metric: Metric, truth: Floats, rival: Rival, rows: npt.NDArray[np.bool_]) -> float:
    return _statistic(metric, truth[rows], _part(rival, rows))(np.ones(int(rows.sum())))


def _part(rival: Rival, rows: npt.NDArray[np.bool_]) -> Rival:
    return Rival(rival.probabilities[rows], rival.threshold)


def _calibration(labels: npt.NDArray[np.int64], challenger: Rival, production: Rival | None, config: Gate) -> Rule:
    own = expected_calibration_error(labels, challenger.probabilities)
    allowed = [(config.max_ece, "as configured"), (by_chance(challenger.probabilities), "what chance gives")]
    if production:
        allowed.append((expected_calibration_error(labels, production.probabilities), "as production"))
    limit, reason = max(allowed)
    return Rule("calibration", f"error {own:.4f}", f"up to {limit:.4f}, {reason}", own <= limit)


def _cost(challenger: Rival, config: Gate) -> Iterator[Rule]:
    if challenger.latency_ms is not None:
        passed = challenger.latency_ms <= config.max_latency_ms
        yield Rule("latency", f"{challenger.latency_ms:.2f} ms a row", f"up to {config.max_latency_ms:g} ms", passed)
    if challenger.artifact_mb is not None:
        passed = challenger.artifact_mb <= config.max_artifact_mb
        yield Rule("size", f"{challenger.artifact_mb:.1f} MB", f"up to {config.max_artifact_mb:g} MB", passed)


def _interval(found: Difference) -> str:
    return f"{found.low:+.4f} to {found.high:+.4f}"
