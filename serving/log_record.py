"""A record of the inference log: one line of JSON on its way to a row of ``ml.inference_logs``.

The same line goes to Postgres, which takes it apart, and to the spool.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Literal
from uuid import UUID

from pydantic_core import to_json

from serving.model import Prediction

_TYPES = {
    "inference_id": "uuid",
    "use_case": "text",
    "model_name": "text",
    "model_version": "text",
    "run_id": "text",
    "input": "jsonb",
    "prediction": "smallint",
    "probability": "double precision",
    "threshold": "double precision",
    "source": "text",
    "warnings": "jsonb",
    "timestamp": "timestamptz",
    "role": "text",
    "shadow_of": "uuid",
    "milliseconds": "double precision",
}
_COLUMNS = ", ".join(_TYPES)
_VALUES = _COLUMNS.replace("role", "coalesce(role, 'production')")  # spooled by an older release, it has none

INSERT = (
    f"INSERT INTO ml.inference_logs ({_COLUMNS}) SELECT {_VALUES}"
    f" FROM json_to_recordset(%s) AS record({', '.join(f'{name} {kind}' for name, kind in _TYPES.items())})"
    " ON CONFLICT (inference_id) DO NOTHING"
)
"""Takes one parameter, see :func:`batch`. A record whose id is there already is left out."""


def record(
    inference_id: UUID,
    prediction: Prediction,
    at: dt.datetime,
    role: Literal["production", "challenger"] = "production",
) -> bytes:
    """The line for one prediction made online."""
    return _line(inference_id, prediction, at, role, None)


def shadow(inference_id: UUID, prediction: Prediction, at: dt.datetime, answered: UUID) -> bytes:
    """The line for what the challenger would have answered in place of ``answered``."""
    return _line(inference_id, prediction, at, "shadow", answered)


def _line(inference_id: UUID, prediction: Prediction, at: dt.datetime, role: str, answered: UUID | None) -> bytes:
    model = prediction.model
    return to_json(
        {
            "inference_id": inference_id,
            "use_case": model.manifest.use_case,
            "model_name": model.manifest.model_name,
            "model_version": model.version,
            "run_id": model.manifest.run_id,
            "input": prediction.values,
            "prediction": prediction.label,
            "probability": prediction.probability,
            "threshold": model.manifest.threshold,
            "source": "online",
            "warnings": prediction.warnings or None,
            "timestamp": at,
            "role": role,
            "shadow_of": answered,
            "milliseconds": prediction.milliseconds,
        }
    )


def batch(records: Sequence[bytes]) -> tuple[str]:
    """The parameter of :data:`INSERT` for some records."""
    return (f"[{b','.join(records).decode()}]",)
