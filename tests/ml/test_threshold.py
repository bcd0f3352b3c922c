"""The threshold against brute force."""

import numpy as np
import pytest
from sklearn.metrics import f1_score

from ml.evaluation.profit import total_profit
from ml.model_config import ModelConfig, Profit
from ml.training.threshold import best_f1, choose_threshold

PROFITS = [
    Profit(true_positive=8, false_positive=-1),
    Profit(true_positive=5, false_positive=-4, false_negative=-20, true_negative=1),
    Profit(true_positive=1, false_positive=-100),
    Profit(true_positive=1, false_positive=1),
]


def _config(threshold: object, profit: Profit | None = None) -> ModelConfig:
    return ModelConfig.model_validate(
        {"model_name": "m", "experiment": "e", "candidates": {"a": {"estimator": "LogisticRegression"}},
         "threshold": threshold, "profit": profit}
    )  # fmt: skip


def _drawn(seed: int) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probabilities = random.random(300).round(2)  # with ties
    return (random.random(300) < probabilities).astype("int64"), probabilities


def _everywhere(probabilities: np.ndarray) -> np.ndarray:
    return np.append(np.unique(probabilities), 1.01)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("profit", PROFITS)
def test_no_threshold_earns_more_than_the_one_chosen_by_profit(seed: int, profit: Profit) -> None:
    labels, probabilities = _drawn(seed)
    chosen = choose_threshold(_config("profit", profit), labels, probabilities)
    best = max(total_profit(labels, probabilities >= at, profit) for at in _everywhere(probabilities))
    assert total_profit(labels, probabilities >= chosen, profit) == best


@pytest.mark.parametrize("seed", range(5))
def test_no_threshold_has_a_larger_f1_than_the_one_chosen_by_it(seed: int) -> None:
    labels, probabilities = _drawn(seed)
    chosen = choose_threshold(_config("f1"), labels, probabilities)
    best = max(f1_score(labels, probabilities >= at, zero_division=0.0) for at in _everywhere(probabilities))
    assert f1_score(labels, probabilities >= chosen) == best
    assert best_f1(labels, probabilities) == pytest.approx(best, abs=1e-12)


def test_the_threshold_lies_between_two_rows_so_that_the_last_digit_decides_nothing() -> None:
    chosen = choose_threshold(_config("f1"), np.array([0, 0, 1, 1]), np.array([0.1, 0.2, 0.6, 0.9]))
    assert chosen == pytest.approx(0.4)


def test_nobody_is_called_where_each_call_costs_more_than_it_earns() -> None:
    labels, probabilities = _drawn(0)
    assert choose_threshold(_config("profit", Profit(true_positive=-1, false_positive=-2)), labels, probabilities) == 1
    assert choose_threshold(_config("profit", Profit(true_positive=1, false_positive=1)), labels, probabilities) == 0


def test_a_number_is_taken_as_it_is() -> None:
    assert choose_threshold(_config(0.37), *_drawn(0)) == 0.37


def test_a_threshold_by_profit_needs_to_know_what_decisions_earn() -> None:
    with pytest.raises(ValueError, match="threshold: profit needs `profit`"):
        _config("profit")
