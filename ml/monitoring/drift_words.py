"""A drift report in words, for the failed task and for the head of the report's page."""

from __future__ import annotations

import datetime as dt

from ml.model_config import Confirm
from ml.monitoring.column_drift import ColumnDrift
from ml.monitoring.cooldown import Retraining
from ml.monitoring.drift_store import DriftReport
from ml.monitoring.standing import Standing

_NAMED = 10
"""A message names this many columns, the most drifted; the report shows all."""


_TITLES = {"ok": "No drift", "drift": "Drift", "insufficient_data": "Too few rows to tell"}
_OTHERS = {
    "prediction": "The predicted probabilities moved",
    "outcome": "The share of positive outcomes moved",
    "rows": "A classifier tells the rows from training data",
}


def title(state: str, standing: str) -> str:
    """What was found, in a word or two."""
    return "Drift suspected" if standing == Standing.SUSPECTED else _TITLES[state]


def verdict(report: DriftReport, min_rows: int) -> str:
    """What was found."""
    of, rows = f"{report.model_name} version {report.model_version}", f"{report.n_rows:,} predictions"
    window = f"from {instant(report.window_start)} to {instant(report.window_end)} UTC"
    if report.state == "insufficient_data":
        return f"{of} made {rows} {window}; at least {min_rows:,} are needed."
    found = f"In the {rows} of {of} {window},"
    if report.state == "ok":
        nearest = f"Nearest to its limit: {report.columns[0]}."
        return f"{found} none of {len(report.features)} columns moved by more than its limit and chance. {nearest}"
    columns, others = [c for c in report.drifted if c.is_feature], [c for c in report.drifted if not c.is_feature]
    sentences = [f"{found} {len(columns)} of {len(report.features)} columns differ from its training data"]
    sentences[0] += f": {_list(columns)}." if columns else "."
    sentences += [f"{_OTHERS[c.kind]}: {c.first}." for c in others]
    return " ".join(sentences)


def action(report: DriftReport, retraining: Retraining, confirm: Confirm) -> str:
    """What was done about it."""
    if report.state != "drift":
        return "No retraining is needed." if report.state == "ok" else "No retraining is started on so few rows."
    if report.standing == Standing.SUSPECTED:
        return (
            f"No retraining yet: drift is confirmed once {confirm.violations} of the last {confirm.windows} windows "
            "have it."
        )
    if retraining.wanted:
        return "A retraining is being started."
    if retraining.until is None:
        return f"It started the retraining {retraining.run_id}."
    return (
        f"No further retraining: {retraining.run_id} was started for another window, "
        f"and the cooldown lasts until {instant(retraining.until)} UTC."
    )


def instant(moment: dt.datetime) -> str:
    """Date and time in UTC."""
    return f"{moment.astimezone(dt.UTC):%Y-%m-%d %H:%M}"


def _list(columns: list[ColumnDrift]) -> str:
    more = f" and {len(columns) - _NAMED} more" if len(columns) > _NAMED else ""
    return ", ".join(map(str, columns[:_NAMED])) + more
