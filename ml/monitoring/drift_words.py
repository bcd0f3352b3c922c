"""A drift report in words, for the failed task and for the head of the report's page."""

from __future__ import annotations

import datetime as dt

from ml.monitoring.column_drift import ColumnDrift
from ml.monitoring.cooldown import Retraining
from ml.monitoring.drift_store import DriftReport

_NAMED = 10
"""A message names this many columns, the most drifted; the report shows all."""


TITLES = {"ok": "No drift", "drift": "Drift", "insufficient_data": "Too few rows to tell"}


def verdict(report: DriftReport, min_rows: int) -> str:
    """What was found."""
    of, rows = f"{report.model_name} version {report.model_version}", f"{report.n_rows:,} predictions"
    window = f"from {instant(report.window_start)} to {instant(report.window_end)} UTC"
    if report.state == "insufficient_data":
        return f"{of} made {rows} {window}; at least {min_rows:,} are needed."
    compared = len(report.columns)
    if report.state == "ok":
        return (
            f"In the {rows} of {of} {window}, none of {compared} columns is above its limit. "
            f"Nearest to it: {report.columns[0]}."
        )
    drifted = report.drifted
    return (
        f"In the {rows} of {of} {window}, {len(drifted)} of {compared} columns differ from its "
        f"training data: {_list(drifted)}."
    )


def action(report: DriftReport, retraining: Retraining) -> str:
    """What was done about it."""
    if report.state != "drift":
        return "No retraining is needed." if report.state == "ok" else "No retraining is started on so few rows."
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
