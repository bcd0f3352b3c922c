"""What the three ways came to: a table, and whether the platform's keeps the gain at fewer retrainings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ml.replaying.policy import Month, Policy


@dataclass(frozen=True)
class ReplayResult:
    """What the platform's way keeps, and how its alarms fared.

    ``gain_kept`` is (on_drift - never) / (monthly - never) of average precision, as means over windows that count
    alike, however many rows they have; ``gain_kept_by_rows`` is the same weighted by rows. None where retraining each
    month gained nothing. ``missed_drops`` are windows whose metric lay more than ``max_drop`` below the reference of
    the model that answered, without an alarm at their end or a month later; ``false_alarms`` are ends of windows with
    an alarm without such a fall in the window, the one before or the one after.
    """

    gain_kept: float | None
    gain_kept_by_rows: float | None
    retrainings: dict[str, int]
    retrainings_ratio: float
    drops: int
    missed_drops: int
    alarms: int
    false_alarms: int
    months: int
    max_drop: float
    means: dict[str, dict[str, float]]

    def lines(self) -> list[str]:
        """For people."""
        kept = "nothing to keep" if self.gain_kept is None else f"{self.gain_kept:.0%}"
        by_rows = "nothing" if self.gain_kept_by_rows is None else f"{self.gain_kept_by_rows:.0%}"
        return [
            f"Of the average precision that retraining each month gains over never, retraining on drift keeps {kept} "
            f"({by_rows} where months count by their rows), with {self.retrainings_ratio:.0%} of the retrainings.",
            f"{self.drops} of {self.months} windows fell by more than {self.max_drop:g}, {self.missed_drops} of them "
            f"without an alarm within a month; {self.false_alarms} of {self.alarms} alarms were false.",
        ]


def summarise(policies: Sequence[Policy], late_alarm: bool, max_drop: float) -> ReplayResult:
    """Of the policies never, monthly and on_drift; ``late_alarm``: the labels of the last window raise one."""
    never, monthly, on_drift = policies
    rows = np.array([m.rows for m in never.months], dtype=np.float64)
    fell = [m.drop > max_drop for m in on_drift.months]
    alarmed = [bool(m.alarms) for m in on_drift.months]
    seen = [*alarmed, late_alarm]
    return ReplayResult(
        gain_kept=_gain_kept(policies, np.ones(len(rows))),
        gain_kept_by_rows=_gain_kept(policies, rows),
        retrainings={p.name: p.retrainings for p in policies},
        retrainings_ratio=on_drift.retrainings / max(monthly.retrainings, 1),
        drops=sum(fell),
        missed_drops=sum(drop and not any(seen[i : i + 2]) for i, drop in enumerate(fell)),
        alarms=sum(alarmed),
        false_alarms=sum(alarm and not any(fell[max(i - 1, 0) : i + 2]) for i, alarm in enumerate(alarmed)),
        months=len(rows),
        max_drop=max_drop,
        means={p.name: {name: _mean(p.months, name) for name in p.months[0].figures} for p in policies},
    )


def table(policies: Sequence[Policy]) -> list[dict[str, object]]:
    """A row a window and policy."""
    return [
        {
            "window": m.window, "policy": p.name, "rows": m.rows, "positives": m.positives, **m.figures,
            **{f"estimated_{name}": f.value for name, f in m.estimated.items() if name in m.figures},
            "reference": m.reference, "drop": m.drop, "alarms": "; ".join(m.alarms),
            "retrained": m.retrained, "gate": m.gate,
        }
        for months in zip(*(p.months for p in policies), strict=True)
        for p, m in zip(policies, months, strict=True)
    ]  # fmt: skip


def _gain_kept(policies: Sequence[Policy], weights: np.typing.NDArray[np.float64]) -> float | None:
    never, monthly, on_drift = (
        float(np.average([m.figures["average_precision"] for m in p.months], weights=weights)) for p in policies
    )
    return (on_drift - never) / (monthly - never) if monthly > never else None


def _mean(months: Sequence[Month], name: str) -> float:
    return float(np.mean([m.figures[name] for m in months]))
