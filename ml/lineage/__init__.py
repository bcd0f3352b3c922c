"""Where a number comes from: from a prediction back to the version, its training, the files and the row."""

from ml.lineage.records import (
    GateVerdict,
    Outcome,
    Prediction,
    Promotion,
    SnapshotFile,
    SourceFile,
    SourceRow,
    Trace,
    Training,
)
from ml.lineage.trace import trace

__all__ = [
    "GateVerdict",
    "Outcome",
    "Prediction",
    "Promotion",
    "SnapshotFile",
    "SourceFile",
    "SourceRow",
    "Trace",
    "Training",
    "trace",
]
