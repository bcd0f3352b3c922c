"""The day of the year from a column of months and one of days, so that trees can cut the year anywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from skl2onnx import update_registered_converter
from skl2onnx.common._container import ModelComponentContainer
from skl2onnx.common._topology import Operator, Scope
from skl2onnx.common.data_types import FloatTensorType
from sklearn.base import BaseEstimator, TransformerMixin

from ml.contract import Column

DAYS_OF_MONTH = 31
"""Of each month, the short ones too: the number need only rise with the date."""


class DayOfYear(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn comes without types
    """Appends to K preprocessed columns their sum weighted by ``weights`` ``[K]``; it learns nothing.

    With the weights of :func:`weights_of` that is the days before the month plus the day; of an unknown month the day.
    """

    def __init__(self, weights: Sequence[float]) -> None:
        self.weights = weights

    def fit(self, _matrix: npt.NDArray[np.float64], _labels: object = None) -> DayOfYear:
        """Nothing to learn."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        """Always."""
        return True

    def transform(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """``[N, K]`` → ``[N, K + 1]``."""
        return np.column_stack([matrix, matrix @ np.asarray(self.weights)])


def weights_of(features: Sequence[Column], month: str, day: str) -> list[float]:
    """Weights for the columns that :func:`ml.training.preprocessing.preprocessing` makes of the features, unscaled.

    ``month`` is a category, its categories listed from the first month to the last; ``day`` is a number.
    """
    numbers = [float(f.name == day) for f in features if f.is_numeric]
    categories = [f for f in features if not f.is_numeric]
    months = [float(DAYS_OF_MONTH * i * (f.name == month)) for f in categories for i, _ in enumerate(f.labels)]
    return numbers + months


def _shape(operator: Operator) -> None:
    rows, columns = operator.inputs[0].type.shape
    operator.outputs[0].type = FloatTensorType([rows, columns + 1 if columns else None])


def _convert(scope: Scope, operator: Operator, container: ModelComponentContainer) -> None:
    matrix, weights = operator.inputs[0].full_name, operator.raw_operator.weights
    names = [scope.get_unique_variable_name(name) for name in ("weights", "day_of_year")]
    container.add_initializer(names[0], 1, [len(weights), 1], weights)  # 1: float32, in which whole numbers are exact
    container.add_node("MatMul", [matrix, names[0]], names[1], name=scope.get_unique_operator_name("days"))
    container.add_node(
        "Concat",
        [matrix, names[1]],
        operator.outputs[0].full_name,
        name=scope.get_unique_operator_name("with_days"),
        axis=1,
    )


update_registered_converter(DayOfYear, "PlatformDayOfYear", _shape, _convert, overwrite=True)
