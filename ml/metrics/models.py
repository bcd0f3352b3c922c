"""Metrics of versions: which is in production and beside it, which wait, how they drift and perform."""

from __future__ import annotations

from ml.metrics.reading import Measure, Reading

_VERSION = ("use_case", "model_version")
_FIGURE = (*_VERSION, "metric", "kind")

_PRODUCTION = Reading(
    """
    SELECT use_case, model_name, model_version, extract(epoch FROM since) AS since,
        (model_version IS NOT NULL)::int AS there, nullif(model_version IS NOT NULL, false)::int AS info,
        (SELECT extract(epoch FROM timestamp) FROM ml.training_data t
         WHERE t.model_name = use_cases.model_name AND t.model_version = production.model_version) AS trained
    FROM use_cases LEFT JOIN production USING (use_case, model_name)
    """,
    (
        Measure("ml_model_in_production", "Whether a version is in production: 1 or 0", "there"),
        Measure(
            "ml_model_production_info",
            "Always 1; names the version in production",
            "info",
            ("use_case", "model_name", "model_version"),
        ),
        Measure(
            "ml_model_production_since_timestamp_seconds",
            "When the version in production was put there",
            "since",
            _VERSION,
        ),
        Measure(
            "ml_model_production_trained_timestamp_seconds",
            "When the version in production was trained",
            "trained",
            _VERSION,
        ),
    ),
)
# Where somebody set what becomes of a challenger, the ledger's words begin with the mode.
_CHALLENGER = Reading(
    """
    SELECT use_case, to_version AS model_version, mode, 1 AS info FROM use_cases CROSS JOIN LATERAL (
        SELECT to_version, substring(why FROM '^(?:shadow|canary|off)') AS mode FROM ml.promotions p
        WHERE p.model_name = use_cases.model_name AND stage = 'Challenger' AND outcome = 'promoted'
            AND why ~ '^(shadow|canary|off)[:,]?'
        ORDER BY id DESC LIMIT 1
    ) AS last
    WHERE mode <> 'off'
        AND NOT EXISTS (SELECT FROM production r WHERE r.use_case = use_cases.use_case AND r.model_version = to_version)
    """,
    (
        Measure(
            "ml_model_challenger_info",
            "Always 1; names the challenger and whether it is a shadow or a canary. No series: there is none",
            "info",
            (*_VERSION, "mode"),
        ),
    ),
)
_WAITING = Reading(
    """
    SELECT use_case, count(v.model_version) AS waiting
    FROM use_cases LEFT JOIN production USING (use_case, model_name)
    LEFT JOIN ml.gate_verdicts v ON v.model_name = use_cases.model_name AND v.passed AND v.mode = 'manual'
        AND v.production_version IS NOT DISTINCT FROM production.model_version
        AND v.model_version::bigint > coalesce(production.model_version, '0')::bigint
        AND NOT EXISTS (
            SELECT FROM ml.promotions p
            WHERE p.model_name = v.model_name AND p.to_version = v.model_version AND p.stage = 'Production'
        )
    GROUP BY use_case
    """,
    (
        Measure(
            "ml_model_versions_waiting",
            "Versions newer than production that passed the gate and that nobody has promoted or refused",
            "waiting",
        ),
    ),
)
_DRIFT = Reading(
    """
    SELECT DISTINCT ON (use_case) use_case, model_version, state, standing, n_rows,
        (SELECT count(*) FROM jsonb_array_elements(columns) AS c
         WHERE (c ->> 'drifted')::boolean AND c ->> 'kind' IN ('number', 'category')) AS drifted
    FROM production JOIN ml.drift_reports USING (use_case, model_name, model_version)
    ORDER BY use_case, window_end DESC, id DESC
    """,
    (
        Measure(
            "ml_drift_state",
            "What the newest window of the version in production says by itself: 1 for the state it is in, else 0",
            "state",
            _VERSION,
            states=("ok", "drift", "insufficient_data"),
        ),
        Measure(
            "ml_drift_standing",
            "What the last windows say together: 1 for the standing, else 0",
            "standing",
            _VERSION,
            states=("ok", "suspected", "confirmed"),
        ),
        Measure("ml_drift_columns", "Features that drifted in the newest window", "drifted", _VERSION),
        Measure("ml_drift_window_rows", "Predictions in the newest window", "n_rows", _VERSION),
    ),
)
_DRIFT_CHECKED = Reading(
    "SELECT use_case, extract(epoch FROM max(at)) AS checked FROM use_cases JOIN ml.drift_reports USING (use_case)"
    " GROUP BY use_case",
    (Measure("ml_drift_checked_timestamp_seconds", "When drift was last checked, of any version", "checked"),),
)
_PERFORMANCE = Reading(
    """
    SELECT use_case, model_version, metric, kind, value, low, high FROM (
        SELECT use_case, model_version, metric, kind, value, low, high,
            rank() OVER (PARTITION BY use_case, kind ORDER BY window_end DESC) AS place
        FROM production JOIN ml.performance USING (use_case, model_name, model_version) WHERE slice_column = ''
    ) AS figures WHERE place = 1
    """,
    (
        Measure(
            "ml_performance_value",
            "Figure of the version in production in its newest window: realised, by labels that arrived, or estimated"
            " without them",
            "value",
            _FIGURE,
        ),
        Measure("ml_performance_low", "Lower end of the figure's 95 % interval", "low", _FIGURE),
        Measure("ml_performance_high", "Upper end of the figure's 95 % interval", "high", _FIGURE),
    ),
)
_VERDICT = Reading(
    """
    SELECT DISTINCT ON (use_case) use_case, model_version, metric, reference, state, extract(epoch FROM at) AS checked
    FROM production JOIN ml.performance_checks USING (use_case, model_name, model_version)
    ORDER BY use_case, window_end DESC, id DESC
    """,
    (
        Measure(
            "ml_performance_state",
            "The verdict on the newest window whose labels have arrived: 1 for the state, else 0",
            "state",
            _VERSION,
            states=("ok", "fell", "insufficient_data"),
        ),
        Measure(
            "ml_performance_reference",
            "Figure of the version on its own hold-out, which live figures are compared with",
            "reference",
            (*_VERSION, "metric"),
        ),
        Measure("ml_performance_checked_timestamp_seconds", "When that verdict was given", "checked"),
    ),
)

READINGS = (_PRODUCTION, _CHALLENGER, _WAITING, _DRIFT, _DRIFT_CHECKED, _PERFORMANCE, _VERDICT)
