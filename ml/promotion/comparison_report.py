"""The page that compares a challenger with production: one HTML file that needs nothing beside it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from jinja2 import Template

from ml.monitoring import drift_words
from ml.pages import page_template
from ml.publish import publishing
from ml.settings import Settings

if TYPE_CHECKING:
    from ml.promotion.compare import Comparison, Figure

_NAMES = {
    "roc_auc": "ROC AUC",
    "average_precision": "Average precision",
    "brier": "Brier score",
    "log_loss": "Log loss",
    "mean_score": "Mean probability",
    "positive_share": "Share of class 1",
    "median_ms": "Latency, median (ms)",
    "p95_ms": "Latency, 95th percentile (ms)",
    "p99_ms": "Latency, 99th percentile (ms)",
}


def path_of(settings: Settings, model_name: str, production: str, challenger: str) -> Path:
    """Where the page lies; a comparison repeated writes the same file."""
    name = f"{quote(model_name, safe='')}-{challenger}-against-{production}.html"
    return (settings.reports_dir / "comparison" / name).resolve()


def write(comparison: Comparison) -> None:
    """Write the page to ``comparison.page``, replacing what was there at once."""
    path = Path(comparison.page)
    path.parent.mkdir(parents=True, exist_ok=True)
    with publishing(path) as stream:
        stream.write(_template().render(comparison=comparison, names=_NAMES).encode())


def _whisker(figure: Figure) -> tuple[float, float, float] | None:
    """Low, middle and high on a line from 0 to 100 whose middle is no difference; None without an interval."""
    if figure.low is None or figure.high is None:
        return None
    reach = max(abs(figure.low), abs(figure.high), abs(figure.difference)) * 1.1 or 1
    low, middle, high = (50 + 50 * value / reach for value in (figure.low, figure.difference, figure.high))
    return low, middle, high


def _template() -> Template:
    return page_template(
        "comparison_report.html",
        instant=drift_words.instant,
        percent=lambda share: f"{100 * share:.1f} %",
        whisker=_whisker,
    )
