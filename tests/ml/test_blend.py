"""Weights of a blend."""

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.metrics import log_loss

from ml.training.blend import blend_weights


def _drawn(noises: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(8)
    score = random.normal(-1, 1, 4000)
    labels = (random.random(4000) < expit(score)).astype("int64")
    return labels, np.column_stack([expit(score + random.normal(0, noise, 4000)) for noise in noises])


def test_weights_are_those_of_least_log_loss() -> None:
    labels, each = _drawn((0.6, 0.9, 1.5))
    weights = blend_weights(labels, each)
    found = minimize(
        lambda w: log_loss(labels, each @ w), np.full(3, 1 / 3), bounds=[(0, 1)] * 3, method="SLSQP",
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1}, options={"ftol": 1e-12},
    )  # fmt: skip
    assert weights == pytest.approx(found.x, abs=2e-3)
    assert weights.sum() == pytest.approx(1)
    assert weights.min() >= 0


def test_a_model_that_adds_nothing_hardly_counts() -> None:
    labels, each = _drawn((0.1,))
    nonsense = np.random.default_rng(1).random(len(labels))
    weights = blend_weights(labels, np.column_stack([each[:, 0], nonsense]))
    assert weights[1] < 0.02


def test_models_alike_count_alike() -> None:
    labels, each = _drawn((0.5,))
    assert blend_weights(labels, np.repeat(each, 2, axis=1)) == pytest.approx([0.5, 0.5])
