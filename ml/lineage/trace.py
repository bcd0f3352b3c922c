"""From a prediction back to everything it rests on. Reads by keys only, so that it takes as long for any log."""

from __future__ import annotations

from uuid import UUID

from psycopg2.extras import RealDictCursor

from ml.errors import PredictionNotFound
from ml.lineage.records import GateVerdict, Outcome, Prediction, Promotion, Trace
from ml.lineage.source_row import source_row
from ml.lineage.training import read_training
from ml.settings import Settings
from ml.store import connect

_PREDICTION = (
    "SELECT inference_id::text, use_case, model_name, model_version, run_id, timestamp AS at, source, role,"
    " shadow_of::text, input, prediction, probability, threshold, warnings, milliseconds, row_key, file_id, line"
    " FROM ml.inference_logs WHERE inference_id = %(inference_id)s"
)
_PROMOTIONS = (
    "SELECT at, stage, outcome, from_version, actor, source, why FROM ml.promotions"
    " WHERE model_name = %(model_name)s AND to_version = %(model_version)s ORDER BY id"
)
_VERDICTS = (
    "SELECT at, production_version, passed, mode, verdict FROM ml.gate_verdicts"
    " WHERE model_name = %(model_name)s AND model_version = %(model_version)s ORDER BY at, id"
)
_OUTCOME = "SELECT label, observed_at, received_at FROM ml.outcomes WHERE inference_id = %(inference_id)s"


def trace(settings: Settings, inference_id: UUID) -> Trace:
    """What is known of a prediction. Raises :class:`PredictionNotFound`, :class:`ml.errors.Unavailable`."""
    with (
        connect(settings.database_url, application="lineage") as connection,
        connection.cursor(cursor_factory=RealDictCursor) as cursor,
    ):
        cursor.execute(_PREDICTION, {"inference_id": str(inference_id)})
        found = cursor.fetchone()
        if found is None:
            raise PredictionNotFound(inference_id)
        logged = dict(found)
        training = read_training(cursor, logged["model_name"], logged["model_version"])
        row = source_row(cursor, logged) if logged["row_key"] else None
        cursor.execute(_PROMOTIONS, logged)
        promotions = tuple(Promotion(**entry) for entry in cursor.fetchall())
        cursor.execute(_VERDICTS, logged)
        verdicts = tuple(GateVerdict(**verdict) for verdict in cursor.fetchall())
        cursor.execute(_OUTCOME, logged)
        outcome = cursor.fetchone()
    return Trace(_prediction(logged), promotions, verdicts, training, row, Outcome(**outcome) if outcome else None)


def _prediction(logged: dict[str, object]) -> Prediction:
    known = {name: value for name, value in logged.items() if name not in ("file_id", "line")}
    known["inference_id"] = UUID(str(known["inference_id"]))
    known["shadow_of"] = UUID(str(known["shadow_of"])) if known["shadow_of"] else None
    return Prediction(**known)  # type: ignore[arg-type]  # as the table says
