"""A challenger against production, from rows of the log whose truth is known."""

import datetime as dt
import json
from dataclasses import asdict
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from psycopg2.extras import execute_values
from sklearn import metrics

from ml.inference_id import new_id, shadow_id
from ml.promotion.compare import Sample, compare, figures, scores
from ml.store import connect

START = dt.datetime(2024, 5, 1, tzinfo=dt.UTC)
MODEL = "m <b>&1"


class Log:
    """Writes rows as the service does."""

    def __init__(self, settings):
        self.settings = settings

    def add(self, version, role, probabilities, milliseconds=1.0, of=None, start=START, source="online"):
        ids = [shadow_id(i, f"{MODEL}/{version}") for i in of] if of else [new_id() for _ in probabilities]
        times = [None] * len(ids) if milliseconds is None else np.broadcast_to(milliseconds, len(ids)).tolist()
        rows = [
            (str(i), "u", MODEL, version, "r", "{}", int(p >= 0.5), float(p), source, role, str(o) if o else None, ms,
             start + dt.timedelta(seconds=n))
            for n, (i, p, o, ms) in enumerate(zip(ids, probabilities, of or [None] * len(ids), times, strict=True))
        ]  # fmt: skip
        columns = (
            "inference_id, use_case, model_name, model_version, run_id, input, prediction, probability, source, role,"
            " shadow_of, milliseconds, timestamp"
        )
        self._insert(f"INSERT INTO ml.inference_logs ({columns}) VALUES %s", rows)
        return ids

    def outcomes(self, ids, labels):
        rows = [(str(i), "u", int(label), START) for i, label in zip(ids, labels, strict=True)]
        self._insert("INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at) VALUES %s", rows)

    def _insert(self, statement, rows):
        with connect(self.settings.database_url) as connection, connection.cursor() as cursor:
            execute_values(cursor, statement, rows)


@pytest.fixture
def log(settings):
    return Log(settings)


def truth(n, seed=0):
    """Labels, and scores of a poor and of a good model."""
    random = np.random.default_rng(seed)
    chance = random.beta(1, 3, size=n)
    labels = (random.random(n) < chance).astype(int)
    poor = np.clip(0.5 * chance + 0.5 * random.beta(1, 3, size=n), 0, 1)
    return labels, poor, chance


def by_name(part):
    return {figure.name: figure for figure in part.figures}


def test_a_better_shadow_is_told_from_production_by_pairs(settings, log):
    labels, poor, good = truth(2000)
    ids = log.add("1", "production", poor, milliseconds=1.0)
    log.add("2", "shadow", good, milliseconds=np.linspace(2, 3, 2000), of=ids)
    log.outcomes(ids[:1500], labels[:1500])
    (part,) = compare(settings, MODEL, version="2", against="1").parts
    assert (part.kind, part.n_production, part.n_challenger, part.outcomes) == ("shadow", 2000, 2000, (1500, 1500))
    assert part.same_class == pytest.approx(((poor >= 0.5) == (good >= 0.5)).mean())
    found = by_name(part)
    assert found["roc_auc"].challenger == pytest.approx(metrics.roc_auc_score(labels[:1500], good[:1500]))
    assert found["brier"].production == pytest.approx(metrics.brier_score_loss(labels[:1500], poor[:1500]))
    assert {name: f.verdict for name, f in found.items() if name in ("roc_auc", "brier", "log_loss")} == {
        "roc_auc": "better", "brier": "better", "log_loss": "better",
    }  # fmt: skip
    assert (found["median_ms"].production, found["median_ms"].verdict) == (1.0, "worse")
    assert found["p95_ms"].challenger == pytest.approx(2.95, abs=0.01)
    for figure in part.figures:
        assert figure.low <= figure.difference <= figure.high


def test_a_canary_is_compared_with_what_production_answered_at_the_same_time(settings, log):
    labels, poor, good = truth(3000)
    log.add("1", "production", np.full(50, 0.99), start=START - dt.timedelta(days=1))
    log.add("1", "production", np.full(50, 0.99), source="batch")
    log.add("1", "production", np.full(50, 0.99), milliseconds=None)
    ones = log.add("1", "production", poor[:2000])
    others = log.add("2", "challenger", good[2000:])
    log.outcomes([*ones, *others], labels)
    (part,) = compare(settings, MODEL, version="2", against="1").parts
    assert (part.kind, part.n_production, part.n_challenger) == ("canary", 1000, 1000)
    assert part.same_class is None
    assert part.start == START
    assert by_name(part)["roc_auc"].challenger == pytest.approx(metrics.roc_auc_score(labels[2000:], good[2000:]))
    assert by_name(part)["median_ms"].verdict == "not told apart"


def test_two_versions_that_answer_the_same_are_not_told_apart(settings, log):
    labels, poor, _ = truth(500)
    ids = log.add("1", "production", poor)
    log.add("2", "shadow", poor, of=ids)
    log.outcomes(ids, labels)
    (part,) = compare(settings, MODEL, version="2", against="1").parts
    assert {f.verdict for f in part.figures} == {"not told apart"}
    assert {f.difference for f in part.figures} == {0}
    assert (part.scores.psi, part.scores.jensen_shannon, part.same_class) == (0, 0, 1)
    assert part.scores.production == part.scores.challenger
    assert sum(part.scores.production) == 500


@pytest.mark.parametrize("labels", [[], [1] * 20])
def test_without_outcomes_of_both_classes_the_rest_is_compared_and_it_is_said(settings, log, labels):
    ids = log.add("1", "production", np.linspace(0, 1, 40))
    log.add("2", "shadow", np.linspace(0, 0.5, 40), of=ids)
    if labels:
        log.outcomes(ids[: len(labels)], labels)
    (part,) = compare(settings, MODEL, version="2", against="1").parts
    assert set(by_name(part)) == {"mean_score", "positive_share", "median_ms", "p95_ms", "p99_ms"}
    assert "both classes are needed" in part.note
    assert by_name(part)["mean_score"].verdict == "lower"


def test_shadows_of_another_production_version_do_not_count(settings, log):
    before, now = log.add("0", "production", [0.1] * 5), log.add("1", "production", [0.2] * 7)
    log.add("2", "shadow", [0.3] * 12, of=[*before, *now])
    (part,) = compare(settings, MODEL, version="2", against="1").parts
    assert part.n_production == 7


def test_only_what_was_asked_since_then_counts(settings, log):
    ids = log.add("1", "production", np.linspace(0, 1, 60))
    log.add("2", "shadow", np.linspace(0, 1, 60), of=ids)
    since = START + dt.timedelta(seconds=40)
    (part,) = compare(settings, MODEL, version="2", against="1", since=since).parts
    assert (part.n_challenger, part.start) == (20, since)
    assert compare(settings, MODEL, version="2", against="1", since=START + dt.timedelta(days=1)).parts == []


def test_without_rows_it_says_so(settings):
    comparison = compare(settings, MODEL, version="2", against="1")
    assert comparison.lines == [
        f"{MODEL}: challenger 2 against version 1. The log has no request that both could be compared by."
    ]
    assert "no request that both" in Path(comparison.page).read_text()


class Tags(HTMLParser):
    """Names of the tags, and addresses that a page would fetch."""

    def __init__(self):
        super().__init__()
        self.names, self.fetched = [], []

    def handle_starttag(self, tag, attributes):
        self.names.append(tag)
        self.fetched += [value for name, value in attributes if name in ("src", "href")]


def test_the_page_shows_all_figures_needs_nothing_and_escapes_names(settings, log):
    labels, poor, good = truth(300)
    ids = log.add("1", "production", poor)
    log.add("2", "shadow", good, of=ids)
    log.add("2", "challenger", good)
    log.outcomes(ids, labels)
    comparison = compare(settings, MODEL, version="2", against="1")
    assert [part.kind for part in comparison.parts] == ["shadow", "canary"]
    page = Path(comparison.page).read_text()
    tags = Tags()
    tags.feed(page)
    assert tags.fetched == []
    assert "b" not in tags.names
    assert "m &lt;b&gt;&amp;1: challenger 2 against version 1" in page
    for name in ("ROC AUC", "Brier score", "Latency, 99th percentile (ms)", "Jensen-Shannon divergence"):
        assert name in page
    assert json.loads(json.dumps(asdict(comparison), default=str))["parts"][0]["n_production"] == 300


def test_pairs_whose_latency_is_unknown_on_one_side_are_left_out():
    unknown, known = np.array([np.nan, 1.0, 2.0]), np.array([1.0, 1.0, np.nan])
    one = Sample(np.array([0.1, 0.2, 0.3]), np.zeros(3), unknown, np.full(3, np.nan))
    other = Sample(np.array([0.1, 0.2, 0.3]), np.zeros(3), known, np.full(3, np.nan))
    found = {f.name: f for f in figures(one, other, paired=True)}
    assert (found["p99_ms"].production, found["p99_ms"].challenger) == (1, 1)


def test_scores_that_moved_are_beyond_chance_and_the_rest_is_not():
    random = np.random.default_rng(4)
    one = random.beta(2, 5, size=4000)
    same, moved = scores(one, random.beta(2, 5, size=4000)), scores(one, random.beta(3, 5, size=4000))
    assert same.psi < same.psi_by_chance
    assert moved.psi > 10 * moved.psi_by_chance
    assert moved.jensen_shannon > 10 * same.jensen_shannon
