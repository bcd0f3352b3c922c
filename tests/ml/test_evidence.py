"""Importances, SHAP values, learning curves, pictures and the card, on models whose truth is known."""

import datetime as dt
import itertools
import math
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from ml.contract import Column, Contract
from ml.evaluation.curves import bars, curves, learning_picture
from ml.evaluation.importance import permutation_importance
from ml.evaluation.learning_curve import learning_curve
from ml.evaluation.model_card import ModelCard, as_html, as_markdown
from ml.evaluation.shapley import shapley_values
from ml.evaluation.slices import metrics_by_slice
from ml.model_config import Profit
from ml.promotion import kept_rows

RANDOM = np.random.default_rng(0)


def frame(n, names="abc", seed=1):
    return pd.DataFrame(np.random.default_rng(seed).normal(size=(n, len(names))), columns=list(names))


def linear(rows):
    return (2 * rows["a"] - rows["b"]).to_numpy()


def crossed(rows):
    return (rows["a"] * rows["b"] + np.where(rows["kind"] == "x", rows["a"], 0)).to_numpy()


def test_the_values_of_a_linear_model_are_weight_times_distance_from_the_mean():
    rows, background = frame(30), frame(7, seed=2)
    found = shapley_values(linear, rows, background, seed=0, seconds=60)
    expected = (rows - background.mean()) * [2, -1, 0]
    assert np.abs(found.values.to_numpy() - expected.to_numpy()).max() < 1e-12
    assert found.base == pytest.approx(linear(background).mean())


def test_the_values_sum_to_the_prediction_whatever_the_model():
    rows, background = (frame(n, "ab", seed).assign(kind=["x", "y"] * (n // 2)) for n, seed in ((20, 1), (6, 2)))
    found = shapley_values(crossed, rows, background, seed=0, seconds=60)
    assert np.abs(found.values.sum(axis=1) + found.base - crossed(rows)).max() < 1e-12


def test_the_values_come_near_those_by_the_formula_over_all_coalitions():
    rows, background = frame(2, "ab", 3).assign(kind=["x", "y"]), frame(4, "ab", 2).assign(kind=["y", "x", "y", "y"])
    many = [shapley_values(crossed, rows, background, seed=s, seconds=60).values.to_numpy() for s in range(300)]
    assert np.abs(np.mean(many, axis=0) - by_formula(crossed, rows, background)).max() < 0.05


def by_formula(predict, rows, background):
    names = list(rows.columns)
    values = np.zeros(rows.shape)
    for i, (_, row) in enumerate(rows.iterrows()):
        for j, name in enumerate(names):
            others = [n for n in names if n != name]
            for size in range(len(names)):
                share = math.factorial(size) * math.factorial(len(names) - size - 1) / math.factorial(len(names))
                for known in itertools.combinations(others, size):
                    low, high = (
                        predict(background.assign(**{n: row[n] for n in held})).mean()
                        for held in (known, (*known, name))
                    )
                    values[i, j] += share * (high - low)
    return values


def test_no_more_rows_are_explained_than_there_is_time_for():
    found = shapley_values(linear, frame(100), frame(3), seed=0, seconds=0)
    assert found.values.shape == (10, 3)
    assert len(found.rows) == 10


def test_the_importance_of_a_feature_is_what_is_lost_without_it():
    rows = frame(2000)
    labels = (linear(rows) > 0).astype("int64")
    found = permutation_importance(linear, lambda p: roc_auc_score(labels, p), rows, repeats=3, seed=0)
    assert found["feature"].tolist() == ["a", "b", "c"]
    important = found.set_index("feature")["importance"]
    assert important["a"] > important["b"] > 0.02
    assert important["c"] == 0
    without_a = rows.assign(a=0.0)
    assert 1 - important["a"] == pytest.approx(
        np.mean([roc_auc_score(labels, linear(without_a.assign(a=rows["a"].sample(frac=1, random_state=s).to_numpy())))
                 for s in range(5)]), abs=0.03,
    )  # fmt: skip


def test_a_learning_curve_grows_and_ends_with_all_rows():
    rows, others = frame(4000, "abcdefgh"), frame(4000, "abcdefgh", seed=5)
    labels, truth = (
        pd.Series((linear(r) + np.random.default_rng(s).normal(0, 2, len(r)) > 2.5).astype("int64"))
        for r, s in ((rows, 1), (others, 2))
    )
    sizes = []

    def score_of(part, its_labels):
        sizes.append((len(part), its_labels.mean()))
        return roc_auc_score(truth, LogisticRegression().fit(part, its_labels).predict_proba(others)[:, 1])

    whole = score_of(rows, labels)
    points = learning_curve(score_of, rows, labels, whole, seed=0, seconds=60)
    assert points["rows"].tolist() == pytest.approx([400, 1000, 2000, 4000], abs=2)
    assert points["score"].iloc[-1] == whole
    assert points["score"].iloc[0] < whole
    assert [share for _, share in sizes] == pytest.approx([labels.mean()] * 4, abs=0.003)


def test_a_learning_curve_takes_no_longer_than_it_may():
    rows = frame(100)
    points = learning_curve(lambda *_: 0.5, rows, pd.Series([0, 1] * 50), 0.7, seed=0, seconds=-1)
    assert points.to_dict("list") == {"rows": [100], "score": [0.7]}


def test_there_is_a_picture_for_each_question():
    chance = RANDOM.beta(1, 3, 500)
    labels = (RANDOM.random(500) < chance).astype("int64")
    drawn = curves(labels, chance, 0.5, Profit(true_positive=8, false_positive=-1))
    drawn["learning.png"] = learning_picture(pd.DataFrame({"rows": [10, 20], "score": [0.5, 0.6]}), "roc_auc")
    drawn["bars.png"] = bars(pd.Series({"a": 0.1, "b": 0.2}), "Importance", "roc_auc")
    assert drawn.keys() == {
        "roc.png", "precision_recall.png", "calibration.png", "gain.png", "profit.png", "learning.png", "bars.png",
    }  # fmt: skip
    for png in drawn.values():
        image = imread(BytesIO(png))
        assert image.shape[:2] == (422, 537)
        assert image.std() > 0.01  # something is drawn
    assert curves(labels, chance, 0.5, None).keys() == drawn.keys() - {"profit.png", "learning.png", "bars.png"}
    assert curves(labels, chance, 0.5, None)["roc.png"] == drawn["roc.png"]


def test_metrics_by_slice_leave_out_what_is_too_small_or_of_one_class():
    names = pd.DataFrame({"place": ["n"] * 6 + ["s"] * 4, "kind": ["x", "y"] * 5})
    labels = np.array([0, 1, 0, 1, 0, 1, 0, 0, 0, 0])
    found = metrics_by_slice(names, labels, lambda rows: {"share": labels[rows].mean()}, 4)
    assert found.to_dict("records") == [
        {"column": "place", "slice": "n", "rows": 6, "positives": 3, "share": 0.5},
        {"column": "kind", "slice": "y", "rows": 5, "positives": 3, "share": 0.6},
    ]


CONTRACT = Contract(
    use_case="u",
    title="Orders <paid>",
    description="From a | shop.",
    columns=(
        Column(name="place", type="category", meaning="Where | from", categories=("a", "b"), nulls="allowed"),
        Column(name="amount", type="number", meaning="How much", unit="EUR", nulls="allowed"),
        Column(name="later", type="number", meaning="After it", nulls="allowed", known_at_prediction=False),
        Column(
            name="paid", type="category", meaning="It was paid", role="target", categories=("no", "yes"), positive="yes"
        ),
    ),
)


def test_the_kept_rows_come_back_and_those_trained_on_are_told_from_others(tmp_path):
    rows = pd.DataFrame(
        {
            "place": ["a", "b", None, "a"],
            "amount": [1.0, np.nan, 3.0, 1.0],
            "later": [0.0, 1.0, 2.0, 0.0],
            "paid": ["yes", "no", "yes", "no"],
        }
    )
    kept_rows.write(tmp_path, CONTRACT, rows.iloc[2:], rows.iloc[:2], seed=0)
    found = kept_rows.read(tmp_path / kept_rows.ROWS)
    assert found.frame["place"].tolist() == [None, "a"]
    assert found.frame["amount"].tolist() == [3.0, 1.0]
    assert found.labels.tolist() == [1, 0]
    trained_on = np.load(tmp_path / kept_rows.TRAINED_ON)
    assert np.isin(kept_rows.marks(rows), trained_on).tolist() == [True, True, False, False]
    assert found.marks.tolist() == kept_rows.marks(rows)[2:].tolist()
    assert found.where(found.labels == 1).frame["amount"].tolist() == [3.0]


def test_of_many_rows_a_sample_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr(kept_rows, "MOST_ROWS", 10)
    rows = pd.DataFrame({"place": "a", "amount": np.arange(50.0), "later": 0.0, "paid": ["yes", "no"] * 25})
    kept_rows.write(tmp_path, CONTRACT, rows, rows, seed=0)
    assert len(kept_rows.read(tmp_path / kept_rows.ROWS).frame) == 10
    assert len(np.load(tmp_path / kept_rows.TRAINED_ON)) == 50


def card(slices):
    return ModelCard(
        model_name="m",
        candidate="linear",
        owner="team",
        contract=CONTRACT,
        features=CONTRACT.features,
        trained_at=dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC),
        metric="roc_auc",
        metrics={"roc_auc": 0.71234, "ece": 0.01},
        facts={"snapshot_id": "10:ab", "threshold": 0.25},
        limits=["Not for <script>."],
        importance=pd.DataFrame(
            {"feature": ["amount", "place", "later"], "importance": [0.2, 0.1, 0.0], "shap": [0.05, 0.02, 0.0]}
        ),
        slices=slices,
    )


def test_the_card_says_what_the_model_is_and_where_it_is_weak():
    slices = pd.DataFrame(
        {"column": ["place", "place"], "slice": ["a", "b"], "rows": [5, 6], "positives": [2, 3],
         "roc_auc": [0.9, 0.6], "ece": [0.1, 0.2]}
    )  # fmt: skip
    text = as_markdown(card(slices))
    assert "# m: linear" in text
    assert "Predicts `paid` = `yes`: It was paid. Owner: team." in text
    assert "Trained 2026-01-02 03:04 UTC." in text
    assert "| snapshot_id | 10:ab |" in text
    assert "| roc_auc (chosen by) | 0.7123 |" in text
    assert "| place | Where \\| from | category |  | 0.1000 | 0.0200 |" in text
    assert "| later (known only afterwards) |" in text
    assert text.index("| place | b | 6 | 3 | 0.6000 | 0.2000 |") < text.index("| place | a | 5 | 2 | 0.9000 | 0.1000 |")
    assert "- Not for <script>." in text


def test_the_page_of_the_card_holds_its_pictures_and_lets_no_text_act():
    page = as_html(card(pd.DataFrame()), {"roc.png": b"\x89PNG"})
    assert 'src="data:image/png;base64,iVBORw=="' in page
    assert "Orders &lt;paid&gt;" in page
    assert "<script>" not in page
    assert "No slice has enough rows of both classes." in page
    assert "http" not in page
