"""Metrics of the files that come in and of the log of predictions."""

from __future__ import annotations

from ml.metrics.reading import Measure, Reading

_ARRIVALS = Reading(
    """
    SELECT use_case,
        extract(epoch FROM max(at) FILTER (WHERE status = 'loaded')) AS loaded,
        extract(epoch FROM max(validated_at) FILTER (WHERE validation = 'passed')) AS validated
    FROM use_cases JOIN ml.ingest_ledger USING (use_case) GROUP BY use_case
    """,
    (
        Measure("ml_data_loaded_timestamp_seconds", "When the newest file was loaded", "loaded"),
        Measure(
            "ml_data_validated_timestamp_seconds",
            "When rows last became features: a file passed its checks",
            "validated",
        ),
    ),
)
_FILES = Reading(
    "SELECT use_case, status, count(*) AS files FROM use_cases JOIN ml.ingest_ledger USING (use_case) GROUP BY 1, 2",
    (
        Measure(
            "ml_data_files",
            "Attempts to load a file, by how they ended: loaded, duplicate, rejected, withdrawn",
            "files",
            ("use_case", "status"),
        ),
    ),
)
_QUARANTINE = Reading(
    """
    , checked AS (
        SELECT use_case, validated_at, rows_quarantined::float AS bad, rows_good + rows_quarantined AS rows
        FROM use_cases JOIN ml.ingest_ledger USING (use_case) WHERE rows_good + rows_quarantined > 0
    )
    (SELECT DISTINCT ON (use_case) use_case, 'last_file' AS window, bad / rows AS ratio
     FROM checked ORDER BY use_case, validated_at DESC)
    UNION ALL
    SELECT use_case, '7d', sum(bad) / sum(rows) FROM checked
    WHERE validated_at > now() - interval '7 days' GROUP BY use_case
    """,
    (
        Measure(
            "ml_data_quarantine_ratio",
            "Share of the rows that break the contract, of the last_file and of all files of 7d",
            "ratio",
            ("use_case", "window"),
        ),
    ),
)
# At most so many are counted: a log that has had no partitions for long is not read as a whole at each scrape.
_UNPARTITIONED = Reading(
    "SELECT count(*) AS rows FROM (SELECT timestamp FROM ml.inference_logs_default LIMIT 100000) AS counted",
    (
        Measure(
            "ml_inference_log_default_partition_rows",
            "Predictions in no monthly partition of the log; 100000 stands for that many and more",
            "rows",
            (),
        ),
    ),
)
_PREDICTIONS = Reading(
    """
    SELECT use_case, model_version, extract(epoch FROM timestamp) AS logged FROM production CROSS JOIN LATERAL (
        SELECT timestamp FROM ml.inference_logs l
        WHERE l.use_case = production.use_case AND l.model_version = production.model_version
        ORDER BY timestamp DESC LIMIT 1
    ) AS last
    """,
    (
        Measure(
            "ml_inference_logged_timestamp_seconds",
            "When the version in production last answered, online or in a batch, as the log has it",
            "logged",
            ("use_case", "model_version"),
        ),
    ),
)

READINGS = (_ARRIVALS, _FILES, _QUARANTINE, _UNPARTITIONED, _PREDICTIONS)
