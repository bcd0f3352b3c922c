"""A verdict on live performance in words, for the failed task."""

from __future__ import annotations

from ml.model_config import Performance
from ml.monitoring.cooldown import Retraining
from ml.monitoring.drift_words import instant
from ml.performance.store import Check
from ml.performance.verdict import State


def message(check: Check, config: Performance, retraining: Retraining) -> str:
    """What the labels say of the version, and what was done."""
    window = f"from {check.window.start:%Y-%m-%d} to {check.window.end:%Y-%m-%d} UTC"
    of = f"{check.of.model_name} version {check.of.version}"
    if check.figure is None or check.figure.high is None:
        return (
            f"Too few labels to tell. Of what {of} answered {window}, {check.rows:,} labels have arrived; "
            f"{config.min_rows:,} of both classes are needed."
        )
    figure = check.figure
    found = (
        f"{check.metric} of {of} {window} is {figure.value:.4f} ({figure.low:.4f} to {figure.high:.4f}) by "
        f"{check.rows:,} labels; it was {check.reference:.4f} on its hold-out, and may be {config.max_drop:g} less."
    )
    if check.state is State.OK:
        return f"Performance holds. {found}"
    return f"Performance fell. {found} {_action(retraining)}"


def _action(retraining: Retraining) -> str:
    if retraining.wanted:
        return "A retraining is being started."
    if retraining.until is None:
        return f"It started the retraining {retraining.run_id}."
    until = instant(retraining.until)
    return f"No further retraining: {retraining.run_id} was started, and the cooldown lasts until {until} UTC."
