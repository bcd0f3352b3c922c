"""A quick look at the newest inferences beside the training data; writes nothing and starts nothing."""

from __future__ import annotations

from dataclasses import dataclass

from ml.monitoring import drift_store
from ml.monitoring.column_drift import ColumnDrift, compare
from ml.monitoring.inference_window import ModelVersion, latest
from ml.settings import Settings
from ml.store import connect
from ml.use_case import UseCase


@dataclass(frozen=True)
class Monitoring:
    """The newest ``n_rows`` inferences of a version, column by column, the most drifted first."""

    model_name: str
    model_version: str
    n_rows: int
    columns: list[ColumnDrift]

    @property
    def lines(self) -> list[str]:
        """One line to print for each column, below one that says what was compared."""
        head = (
            f"{self.model_name} version {self.model_version}: its last {self.n_rows} inferences and its training data"
        )
        if not self.n_rows:
            return [f"{head}: there are no inferences yet."]
        widest = max(len(c.column) for c in self.columns)
        return [head, *(_line(c, widest) for c in self.columns)]


def monitor(settings: Settings, use_case: UseCase, *, last: int = 500) -> Monitoring:
    """Compare the newest inferences of the version in production, at most ``last``, with what it was trained on.

    Raises ``NoProductionModel``, and ``ReferenceUnusable`` where it is not known what the version was trained on.
    """
    from ml.registry import production_version  # noqa: PLC0415

    version = production_version(settings, use_case.config.model_name).version
    return monitor_version(settings, use_case, version, last=last)


def monitor_version(settings: Settings, use_case: UseCase, version: str, *, last: int = 500) -> Monitoring:
    """As :func:`monitor`, for any version."""
    of = ModelVersion(use_case.name, use_case.config.model_name, version)
    with connect(settings.database_url, application="monitor") as connection, connection.cursor() as cursor:
        reference = drift_store.read_reference(cursor, of)
    window = latest(settings, of, reference, last)
    columns = compare(reference, window, use_case.config.drift) if window.rows else []
    return Monitoring(of.model_name, version, window.rows, columns)


def _line(column: ColumnDrift, width: int) -> str:
    verdict = "[DRIFT]" if column.drifted else "[OK]"
    figures = f"{verdict:<7} {column.column:<{width}}  {column.first}"
    if column.reference_mean is None:
        return figures
    counts = f"count {_present(column.reference)} → {_present(column.window)}"
    mean = f"mean {_number(column.reference_mean)} → {_number(column.window_mean)}"
    return f"{figures}  {mean}  std {_number(column.reference_std)} → {_number(column.window_std)}  {counts}"


def _present(histogram: list[int]) -> int:
    return sum(histogram[:-1])  # the last bin counts nulls


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"
