"""`schedules`: when the pipelines run."""

from __future__ import annotations

from ml.model_config.section import Section


class Schedules(Section):
    """Cron expressions in UTC; ``None`` means by hand only."""

    ingest: str | None = "0 2 * * *"
    train: str | None = "0 4 * * 1"
    drift: str | None = "0 6 * * *"
    outcomes: str | None = "0 5 * * *"
