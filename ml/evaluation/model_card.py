"""The model card: what a version is, what it was made of, how good it is and where it is not to be used.

After Mitchell et al., "Model Cards for Model Reporting" (FAT* 2019). As Markdown, and as a page that needs nothing
beside it.
"""

from __future__ import annotations

import base64
import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
from jinja2 import Template

from ml.contract import Column, Contract
from ml.pages import page_template

_SLICES_SHOWN = 15


@dataclass(frozen=True)
class ModelCard:
    """What the card says.

    ``facts`` are name and value; ``importance`` has the columns feature, importance and shap; ``slices`` has column,
    slice, rows, positives and the metrics; ``limits`` are sentences.
    """

    model_name: str
    candidate: str
    owner: str
    contract: Contract
    features: Sequence[Column]
    trained_at: dt.datetime
    metric: str
    metrics: Mapping[str, float]
    facts: Mapping[str, object]
    limits: Sequence[str]
    importance: pd.DataFrame
    slices: pd.DataFrame

    @property
    def weakest_slices(self) -> list[dict[str, object]]:
        """Those with the lowest metric first."""
        if self.slices.empty:
            return []
        rows = self.slices.sort_values(self.metric).head(_SLICES_SHOWN).to_dict("records")
        return [{str(name): value for name, value in row.items()} for row in rows]

    @property
    def feature_rows(self) -> list[tuple[Column, float, float]]:
        """Each feature with its permutation importance and mean absolute SHAP value, the most important first."""
        columns = {f.name: f for f in self.features}
        found = self.importance.itertuples(index=False)
        return [(columns[str(f.feature)], float(f.importance), float(f.shap)) for f in found]  # type: ignore[arg-type]


def as_markdown(card: ModelCard) -> str:
    """For MLflow's page of the run, and for diffs."""
    return _template("model_card.md").render(card=card)


def as_html(card: ModelCard, pictures: Mapping[str, bytes]) -> str:
    """With the PNG pictures inside."""
    inline = {name: base64.b64encode(png).decode() for name, png in pictures.items()}
    return _template("model_card.html").render(card=card, pictures=inline)


def _template(name: str) -> Template:
    return page_template(
        name,
        figure=lambda value: f"{value:.4f}" if isinstance(value, float) else str(value),
        cell=lambda text: " ".join(str(text).split()).replace("|", "\\|"),
    )
