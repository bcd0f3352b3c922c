"""The replay as a picture: each figure over the months, alarms and retrainings below."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from ml.replaying.policy import Policy

_SHOWN = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "brier": "Brier (lower is better)",
    "lift_at_10": "lift at 10 %",
}
_COLOURS = {"never": "#9aa0a6", "monthly": "#7fb2e5", "on_drift": "#d1495b"}


def draw(policies: Sequence[Policy], title: str, path: Path) -> None:
    """Write a PNG file."""
    figure = Figure(figsize=(11, 10), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, x=0.01, ha="left")
    *upper, last = figure.subplots(len(_SHOWN) + 1, 1, sharex=True, height_ratios=[3] * len(_SHOWN) + [1])
    for axes, (name, label) in zip(upper, _SHOWN.items(), strict=True):
        for policy in policies:
            values = [m.figures[name] for m in policy.months]
            axes.plot(values, color=_COLOURS[policy.name], label=policy.name, linewidth=2)
        axes.set_title(label, loc="left", fontsize=10)
        axes.grid(alpha=0.3)
    upper[0].legend(ncols=len(policies), frameon=False)
    _events(last, policies[-1])
    figure.savefig(path, dpi=110)


def _events(axes: Axes, policy: Policy) -> None:
    months = policy.months
    marks = {
        "alarm": (2, "|", "#e07a1f", [bool(m.alarms) for m in months]),
        "retrained, kept out by the gate": (1, "x", "#9aa0a6", [m.retrained and m.gate != "passed" for m in months]),
        "retrained and promoted": (0, "^", "#2a9d5c", [m.retrained and m.gate == "passed" for m in months]),
    }
    for y, marker, colour, where in marks.values():
        at = [i for i, is_so in enumerate(where) if is_so]
        axes.scatter(at, [y] * len(at), marker=marker, color=colour, s=60)
    axes.set_yticks([y for y, *_ in marks.values()], list(marks))
    axes.set_ylim(-0.7, 2.7)
    axes.set_xticks(range(len(months)), [m.window for m in months], rotation=60, ha="right", fontsize=8)
