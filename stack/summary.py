"""What the demo did: a file for programs, a table for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Summary:
    """Filled step by step; what is None did not take place."""

    data_source: str = ""
    """``file``, ``landing``, ``download`` or ``sample``, with where it came from."""
    rows_ingested: int = 0
    """Rows of this data set in the table ``raw``, loaded now or earlier."""
    rows_quarantined: int = 0
    candidates: dict[str, float] = field(default_factory=dict)
    """Name of each candidate, with its metric."""
    registered_version: str = ""
    gate: str = ""
    """What the gate said of it, in a line."""
    production_version: str = ""
    prediction: dict[str, Any] = field(default_factory=dict)
    """The API's answer to the use case's example request."""
    rows_scored: int = 0
    drift_clean: str | None = None
    """State of the drift run on a window like the training data."""
    drift_shifted: dict[str, Any] | None = None
    """State of the drift run on the last months, and the columns that drifted."""
    retrain_run_id: str | None = None
    """Run of the DAG ``train`` that the drift started, now or, in the cooldown, earlier."""
    seconds: dict[str, float] = field(default_factory=dict)
    urls: dict[str, str] = field(default_factory=dict)

    def write(self, path: Path) -> None:
        """As JSON, whole or not at all."""
        part = path.with_suffix(".part")
        part.write_text(json.dumps(asdict(self), indent=2) + "\n")
        part.replace(path)

    def render(self) -> str:
        """As aligned lines."""
        shifted = self.drift_shifted or {}
        metrics = ", ".join(f"{name} {value:.4f}" for name, value in self.candidates.items())
        rows = {
            "data": self.data_source,
            "rows": f"{self.rows_ingested} ingested, {self.rows_quarantined} in quarantine",
            "candidates": metrics,
            "model": f"version {self.registered_version} registered, version {self.production_version} in production",
            "gate": self.gate,
            "prediction": f"class {self.prediction['class']}, probability {self.prediction['probability']:.4f}",
            "scored": f"{self.rows_scored} rows",
            "drift, like training": self.drift_clean or "not checked",
            "drift, last months": f"{shifted['state']}: {', '.join(shifted['columns'])}" if shifted else "not checked",
            "retrained by": self.retrain_run_id or "-",
            "seconds": f"{sum(self.seconds.values()):.0f}",
        }
        return "\n".join(f"  {name:<22} {value}" for name, value in rows.items())
