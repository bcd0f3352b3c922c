"""What training produces: the calibrated mean of fitted pipelines, with the threshold it decides by."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.pipeline import Pipeline

from ml.training.calibration import Curve, apply


@dataclass(frozen=True)
class Member:
    """A fitted pipeline, what brings its probabilities in line, and its share in the mean."""

    pipeline: Pipeline
    curve: Curve = None
    weight: float = 1.0


class Ensemble(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn comes without types
    """A fitted binary classifier of scikit-learn's interface, exported by :mod:`ml.training.onnx_export`.

    A candidate by itself is the one member of its ensemble. Weights sum to 1. The curve is applied to the mean.
    """

    def __init__(self, members: Sequence[Member], curve: Curve = None, threshold: float = 0.5) -> None:
        self.members = members
        self.curve = curve
        self.threshold = threshold

    @property
    def classes_(self) -> npt.NDArray[np.int64]:
        """0 and 1, the positive one."""
        return np.array([0, 1])

    def __sklearn_is_fitted__(self) -> bool:
        """Its members are."""
        return True

    def positive(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities ``[N]`` of class 1 for a frame with the features' columns."""
        each = [m.weight * apply(m.curve, m.pipeline.predict_proba(frame)[:, 1]) for m in self.members]
        return apply(self.curve, np.sum(each, axis=0))

    def predict_proba(self, frame: pd.DataFrame) -> npt.NDArray[np.float64]:
        """Probabilities ``[N, 2]`` of classes 0 and 1 for a frame with the features' columns."""
        positive = self.positive(frame)
        return np.column_stack([1 - positive, positive])

    def predict(self, frame: pd.DataFrame) -> npt.NDArray[np.int64]:
        """Classes ``[N]``: 1 where the probability is at least the threshold."""
        return (self.positive(frame) >= self.threshold).astype(np.int64)
