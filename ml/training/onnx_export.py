"""A fitted pipeline as ONNX, checked against scikit-learn on rows it was not fitted on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnxruntime
import pandas as pd
from lightgbm import LGBMClassifier
from onnx import ModelProto, TensorProto
from onnxmltools.convert.lightgbm.operator_converters.LightGbm import convert_lightgbm
from skl2onnx import to_onnx, update_registered_converter
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common._topology import Operator, Scope
from skl2onnx.common.data_types import FloatTensorType, StringTensorType
from skl2onnx.common.shape_calculator import calculate_linear_classifier_output_shapes
from skl2onnx.operator_converters.random_forest import convert_sklearn_random_forest_classifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import Pipeline

from ml.bundle import PROBABILITIES, ModelInput
from ml.contract import Column
from ml.errors import PlatformError
from ml.training.ensemble import Ensemble
from ml.training.onnx_mean import Part, mean_of

TOLERANCE = 1e-5
"""Largest difference of a probability between ONNX, which computes in float32, and scikit-learn."""


class ExportDiffers(PlatformError):
    """The exported model does not predict what the fitted one does."""


@dataclass(frozen=True)
class Exported:
    """The model's bytes, and its inputs in the order of the features."""

    content: bytes
    inputs: tuple[ModelInput, ...]


def export(model: Ensemble, features: Sequence[Column]) -> Exported:
    """Convert a fitted model. Inputs are named f0, f1, …: the converter rewrites names with dots.

    There is an input for each feature, also for one that no member takes.
    """
    inputs = tuple(
        ModelInput(name=f.name, input=f"f{i}", kind="number" if f.is_numeric else "category")
        for i, f in enumerate(features)
    )
    parts = [Part(_converted(m.pipeline, inputs), m.curve, m.weight) for m in model.members]
    tensors = {i.input: TensorProto.FLOAT if i.kind == "number" else TensorProto.STRING for i in inputs}
    return Exported(mean_of(parts, model.curve, tensors).SerializeToString(), inputs)


def _converted(pipeline: Pipeline, inputs: Sequence[ModelInput]) -> ModelProto:
    """The pipeline with those inputs that it takes."""
    taken = {c for _, step, columns in pipeline[0].transformers_ if step != "drop" for c in columns}
    own = [i for i in inputs if i.name in taken]
    types = [(i.input, FloatTensorType([None, 1]) if i.kind == "number" else StringTensorType([None, 1])) for i in own]
    model: ModelProto = to_onnx(
        _renamed(pipeline, own),
        initial_types=types,
        options={id(pipeline[-1]): {"zipmap": False}},
        target_opset={"": 21, "ai.onnx.ml": 3},
    )
    return model


def _renamed(pipeline: Pipeline, inputs: Sequence[ModelInput]) -> Pipeline:
    """The same fitted steps, with the columns of the ColumnTransformer under their tensors' names."""
    names = {i.name: i.input for i in inputs}
    first = pipeline[0]
    transformer = type(first)(first.transformers, sparse_threshold=0)
    transformer.__dict__.update(first.__dict__)
    transformer.transformers_ = [
        (name, step, [names[c] for c in columns])
        for name, step, columns in first.transformers_
        if step != "drop" and len(columns)
    ]
    transformer.feature_names_in_ = np.array([names[c] for c in first.feature_names_in_ if c in names], dtype=object)
    return Pipeline([(pipeline.steps[0][0], transformer), *pipeline.steps[1:]])


def check(exported: Exported, frame: pd.DataFrame, probabilities: npt.NDArray[np.float64], threshold: float) -> float:
    """Compare with scikit-learn's probabilities of N rows; returns the largest difference.

    Raises :class:`ExportDiffers` where it is above the tolerance or where the decided class of a row changes.
    """
    session = onnxruntime.InferenceSession(exported.content, providers=["CPUExecutionProvider"])
    feeds = {i.input: tensor(frame[i.name], i) for i in exported.inputs}
    given = session.run([PROBABILITIES], feeds)[0][:, 1]
    difference = float(np.abs(given - probabilities).max())
    changed = int(((given >= threshold) != (probabilities >= threshold)).sum())
    if not difference <= TOLERANCE or changed:
        raise ExportDiffers(
            f"The exported model differs from the fitted one by up to {difference:.2g} ({TOLERANCE:g} is allowed) and "
            f"decides {changed} of {len(frame)} rows otherwise. Nothing was registered."
        )
    return difference


def tensor(values: pd.Series, feature: ModelInput) -> npt.NDArray[np.generic]:
    """A column as the model's input ``[N, 1]``."""
    if feature.kind == "number":
        return values.to_numpy(np.float32).reshape(-1, 1)
    return values.fillna("").to_numpy(object).reshape(-1, 1)


class _PlainNumbers:
    """A container whose nodes get Python's own numbers: onnx 1.23 takes neither numpy's nor booleans."""

    def __init__(self, container: ModelComponentContainer) -> None:
        self._container = container

    def __getattr__(self, name: str) -> object:
        return getattr(self._container, name)

    def add_node(self, *arguments: object, **attributes: object) -> None:
        plain = {k: [_plain(v) for v in vs] if isinstance(vs, list) else vs for k, vs in attributes.items()}
        self._container.add_node(*arguments, **plain)


def _plain(value: object) -> object:
    number = value.item() if isinstance(value, np.generic) else value
    return int(number) if isinstance(number, bool) else number


def _convert(scope: Scope, operator: Operator, container: ModelComponentContainer) -> None:
    convert_sklearn_random_forest_classifier(scope, operator, _PlainNumbers(container))


update_registered_converter(
    HistGradientBoostingClassifier,
    "SklearnHistGradientBoostingClassifier",
    calculate_linear_classifier_output_shapes,
    _convert,
    overwrite=True,
    options={
        "zipmap": [True, False, "columns"],
        "raw_scores": [True, False],
        "output_class_labels": [False, True],
        "nocl": [True, False],
    },
)
update_registered_converter(
    LGBMClassifier,
    "LightGbmLGBMClassifier",
    calculate_linear_classifier_output_shapes,
    convert_lightgbm,
    overwrite=True,
    options={"zipmap": [True, False, "columns"], "nocl": [True, False]},
)
