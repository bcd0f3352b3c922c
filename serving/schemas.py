"""What the service answers, as declared in its API document."""

from __future__ import annotations

import datetime as dt
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from ml.contract import Contract, Scalar


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Ready(BaseModel):
    """Whether predictions are given, and what is not as it should be."""

    status: Literal["ready", "not ready"]
    model_version: str | None = Field(description="Version that serves; null while none does")
    log: Literal["postgres", "spool"] = Field(description="Where log records go")
    problems: list[str] = Field(description="What a person should look at; empty when all is well")


class Feature(BaseModel):
    """One field of the input."""

    name: str
    type: Literal["integer", "number", "category"]
    meaning: str
    unit: str | None
    range: tuple[float | None, float | None] | None = Field(description="Closed at both ends; null is unbounded")
    categories: list[Scalar] | None
    nullable: bool


class ChallengerInfo(BaseModel):
    """The version that challenges the one that serves."""

    mode: Literal["off", "shadow", "canary"]
    percent: float = Field(ge=0, le=100, description="Share of the requests that a canary answers")
    version: str | None = Field(description="Version with alias `challenger`; null where the mode is off")
    since: dt.datetime | None = Field(description="When it was ready in this process; null while it is not")
    problem: str | None = Field(description="Why it sees no request, or is not what the registry asks for")


class ModelInfo(BaseModel):
    """The version that serves."""

    model_config = ConfigDict(protected_namespaces=())

    use_case: str
    title: str
    model_name: str
    model_version: str
    run_id: str
    since: dt.datetime = Field(description="When this process began to serve the version")
    trained_at: dt.datetime
    n_train: int
    n_test: int
    snapshot_id: str = Field(description="Checksum of the training data")
    metrics: dict[str, float]
    threshold: float = Field(description="A probability of at least this is class 1")
    features: list[Feature] = Field(description="The contract's columns that this version uses, in its order")
    contract: Contract = Field(description="What was known of the data when the version was trained")
    challenger: ChallengerInfo


class Answer(BaseModel):
    """A prediction. It is in the inference log when this arrives."""

    model_config = ConfigDict(
        protected_namespaces=(),
        json_schema_extra={
            "example": {
                "class": 0,
                "probability": 0.0712,
                "n_features": 15,
                "model_version": "3",
                "inference_id": "019a2f10-6290-7c17-8200-4b40bd706641",
                "threshold": 0.5,
                "warnings": ['"colour" is no field of the contract: ignored'],
            }
        },
    )

    class_: Literal[0, 1] = Field(alias="class", description="1 for the positive class")
    probability: float = Field(ge=0, le=1, description="Of the positive class")
    n_features: int = Field(description="Number of features the model uses")
    model_version: str
    inference_id: UUID = Field(description="UUIDv7; names this prediction in the inference log")
    threshold: float = Field(ge=0, le=1)
    warnings: list[str] = Field(description="Fields that were ignored or taken as null")


class BatchPrediction(BaseModel):
    """The prediction for one input of a batch."""

    class_: Literal[0, 1] = Field(alias="class", description="1 for the positive class")
    probability: float = Field(ge=0, le=1, description="Of the positive class")
    inference_id: UUID = Field(description="UUIDv7; names this prediction in the inference log")
    warnings: list[str] = Field(description="Fields that were ignored or taken as null")


class BatchAnswer(BaseModel):
    """Predictions in the order of the inputs. They are in the inference log when this arrives."""

    model_config = ConfigDict(protected_namespaces=())

    model_version: str
    threshold: float = Field(ge=0, le=1)
    n_features: int = Field(description="Number of features the model uses")
    predictions: list[BatchPrediction]


class OutcomeAnswer(BaseModel):
    """The true label that is kept for a prediction."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "inference_id": "019a2f10-6290-7c17-8200-4b40bd706641",
                "label": 1,
                "observed_at": "2026-03-02T09:30:00Z",
            }
        }
    )

    inference_id: UUID
    label: Literal[0, 1] = Field(description="1 for the positive class")
    observed_at: dt.datetime = Field(description="As it was told first")


class Problem(BaseModel):
    """One field that cannot be used."""

    field: str
    message: str


class Error(BaseModel):
    """Why there is no prediction."""

    detail: str
    problems: list[Problem] = Field(description="By field, where fields are at fault")
