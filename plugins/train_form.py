"""The form that starts a training by hand, its fields from the contract and the model's configuration."""

from __future__ import annotations

from airflow.sdk import Param

from ml.model_config import Metric, ModelConfig
from ml.use_case import UseCase


def train_form(use_case: UseCase) -> dict[str, Param]:
    """Fields of the form, filled in as ``model.yaml`` says.

    Features that are not known when a prediction is made can be let in by name; the field is
    there only where the contract has such features.
    """
    config = use_case.config
    form = {
        "metric": Param(
            config.metric.value,
            type="string",
            enum=[metric.value for metric in Metric],
            title="Metric",
            description="What the champion is chosen by; larger is better.",
        ),
        "candidates": _choice(
            default=list(config.candidates),
            labels={name: f"{name} ({candidate.estimator.value})" for name, candidate in config.candidates.items()},
            title="Candidates",
            description="What is trained and compared. None chosen: all of them.",
        ),
        "model_name": Param(
            config.model_name,
            type="string",
            pattern=ModelConfig.model_json_schema()["properties"]["model_name"]["pattern"],
            title="Register as",
            description="Name of the registered model that the champion becomes a version of.",
        ),
        "trials": Param(
            config.tuning.trials,
            type="integer",
            minimum=0,
            title="Trials",
            description="How many parameters are tried of each candidate; 0: those of model.yaml as they are.",
        ),
        "seconds": Param(
            config.tuning.seconds,
            type="number",
            exclusiveMinimum=0,
            title="Seconds",
            description="For the trials of all candidates together; what is left of the trials then is not made.",
        ),
    }
    late = {c.name: f"{c.name}: {c.meaning}" for c in use_case.contract.features if not c.known_at_prediction}
    if late:
        form["late_features"] = _choice(
            default=list(config.late_features),
            labels=late,
            title=f"With {' or '.join(late)}",
            description="Known only after the event, so a leak: good for comparison with published figures, "
            "not for production. None chosen: without.",
        )
    return form


def _choice(default: list[str], labels: dict[str, str], title: str, description: str) -> Param:
    """A field in which any number of names can be chosen; Airflow's form sends null for none."""
    return Param(
        default,
        type=["array", "null"],
        items={"type": "string", "enum": list(labels)},
        uniqueItems=True,
        examples=list(labels),
        values_display=labels,
        title=title,
        description=description,
    )
