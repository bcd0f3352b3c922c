"""Late labels find their predictions, and tell when the version in production became worse."""

import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest

from ml import outcomes, store
from ml.errors import FileRefused, ReferenceUnusable
from ml.ingestion.row_key import digest_of
from tests.ml.drift_cases import log_inferences, make_use_case, remember_training, rows
from tests.trained import churn, prepare
from tests.use_cases.customer_churn.make_data import write

JANUARY = dt.datetime(2026, 1, 10, 12, tzinfo=dt.UTC)
MARCH_5 = dt.datetime(2026, 3, 5, tzinfo=dt.UTC)


@pytest.fixture
def use_case(tmp_path, settings):
    made = make_use_case(tmp_path, cooldown_days=7)
    remember_training(settings, made, "1", rows(500))
    set_metrics(settings, {"roc_auc": 0.8})
    return made


def set_metrics(settings, metrics):
    run(settings, "UPDATE ml.training_data SET metrics = %s", json.dumps(metrics))


def run(settings, statement, *values):
    with store.connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(statement, values)
        return cursor.fetchall() if cursor.description else None


def answered(settings, use_case, n=400, auc_like=2.0, at=JANUARY, version="1", seed=1):
    """Logs n predictions and their labels; ``auc_like`` is how far the two classes' scores lie apart."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(n) < 0.4).astype(int)
    probability = 1 / (1 + np.exp(-(rng.normal(size=n) + auc_like * (labels - 0.5))))
    log_inferences(
        settings, use_case, version, rows(n, seed=seed), at=at, probability=probability,
        prediction=(probability >= 0.5).astype(int),
    )  # fmt: skip
    ids = [str(i) for (i,) in run(
        settings, "SELECT inference_id FROM ml.inference_logs WHERE timestamp = %s AND model_version = %s"
        " ORDER BY probability", at, version)]  # fmt: skip
    return list(zip(ids, labels[np.argsort(probability, kind="stable")].tolist(), strict=True))


def write_file(use_case, labelled, name="late.csv"):
    folder = use_case.folder / "outcomes"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("inference_id,label\n" + "".join(f"{i},{label}\n" for i, label in labelled))


def check(settings, use_case, moment=MARCH_5, version="1"):
    return outcomes.check_version(settings, use_case, version, moment=moment)


def figures(settings, kind="realised", column=""):
    return dict(run(
        settings, "SELECT metric, value FROM ml.performance WHERE kind = %s AND slice_column = %s AND window_start ="
        " '2026-01-01'", kind, column))  # fmt: skip


def test_a_file_of_outcomes_is_joined_once_however_often_it_is_read(settings, use_case):
    write_file(use_case, answered(settings, use_case, n=50))
    first, second = outcomes.collect(settings, use_case), outcomes.collect(settings, use_case)
    assert (first.from_files, first.total) == (50, 50)
    assert (second.from_files, second.unknown, second.contradicting, second.total) == (0, 0, 0, 50)


def test_rows_predicted_from_a_file_get_their_labels_when_they_are_ingested(settings, tmp_path):
    use_case = churn(tmp_path, rows=0)
    key = use_case.contract.key[0].name
    write(use_case.landing / "clients.csv", 300)
    file = pd.read_csv(use_case.landing / "clients.csv", dtype=str)
    keys = [digest_of([cell]) for cell in file[key]]
    log_inferences(settings, use_case, "1", pd.DataFrame(index=range(300)).assign(a=1), row_key=keys)
    assert outcomes.collect(settings, use_case).from_rows == 0
    prepare(settings, use_case)
    known = run(settings, "SELECT count(*) FROM customer_churn.features")[0][0]
    assert [outcomes.collect(settings, use_case).from_rows for _ in range(2)] == [known, 0]
    labels = run(settings, "SELECT row_key, label FROM ml.outcomes JOIN ml.inference_logs USING (inference_id)")
    expected = dict(zip(keys, file[use_case.contract.target.name].astype(int), strict=True))
    assert dict(labels).items() <= expected.items()
    assert len(labels) == known > 250


def test_the_first_label_stays_and_unknown_predictions_are_counted(settings, use_case):
    (inference, label), *_ = answered(settings, use_case, n=5)
    write_file(use_case, [(inference, label)], "a.csv")
    outcomes.collect(settings, use_case)
    write_file(use_case, [(inference, 1 - label), ("018c0000-0000-7000-8000-000000000000", 1)], "b.csv")
    found = outcomes.collect(settings, use_case)
    assert (found.from_files, found.contradicting, found.unknown) == (0, 1, 1)
    assert run(settings, "SELECT label FROM ml.outcomes") == [(label,)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("inference_id\nx\n", "lacks the column label"),
        ("inference_id,label\n018c0000-0000-7000-8000-000000000000,maybe\n", "'maybe' is no label; there are 0, 1"),
        ("inference_id,label\nno-id,1\n", "invalid input syntax for type uuid"),
        ("inference_id,label,observed_at\n018c0000-0000-7000-8000-000000000000,1,never\n", "timestamp"),
    ],
)
def test_what_is_no_list_of_outcomes_is_refused_with_its_reason(settings, use_case, content, reason):
    write_file(use_case, answered(settings, use_case, n=5), "good.csv")
    (use_case.folder / "outcomes" / "wrong.csv").write_text(content)
    with pytest.raises(FileRefused, match=r"wrong\.csv") as refused:
        outcomes.collect(settings, use_case)
    assert reason in str(refused.value)
    assert run(settings, "SELECT count(*) FROM ml.outcomes") == [(0,)]


def test_performance_that_fell_is_told_with_its_figures_and_asks_for_a_retraining(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=0.2))
    outcomes.collect(settings, use_case)
    found = check(settings, use_case)
    assert (found.state, found.n_rows, found.retrain, found.reference) == ("fell", 400, True, 0.8)
    assert found.value == pytest.approx(figures(settings)["roc_auc"])
    assert found.value < 0.7
    assert "roc_auc of calls-model version 1 from 2026-01-01 to 2026-02-01 UTC" in found.message
    assert "A retraining is being started." in found.message


def test_performance_that_holds_is_ok(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=1.6))
    outcomes.collect(settings, use_case)
    found = check(settings, use_case)
    assert (found.state, found.retrain) == ("ok", False)
    assert found.message.startswith("Performance holds.")


def test_too_few_labels_are_no_verdict(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=0.2)[:199])
    outcomes.collect(settings, use_case)
    found = check(settings, use_case)
    assert (found.state, found.value, found.retrain) == ("insufficient_data", None, False)
    assert "199 labels have arrived; 200 of both classes are needed" in found.message


def test_a_window_is_judged_only_when_its_labels_had_time_to_arrive(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=0.2))
    outcomes.collect(settings, use_case)
    early = check(settings, use_case, moment=dt.datetime(2026, 2, 20, tzinfo=dt.UTC))
    assert (early.state, early.n_rows) == ("insufficient_data", 0)
    assert figures(settings)["roc_auc"] < 0.7  # measured all the same


def test_one_retraining_whoever_asks_in_the_cooldown(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=0.2))
    outcomes.collect(settings, use_case)
    run(
        settings,
        "INSERT INTO ml.drift_reports (use_case, model_name, model_version, window_start, window_end, n_rows, state,"
        " columns, predictions, report, retraining) VALUES ('calls', 'calls-model', '1', '2026-02-24', '2026-03-03', 9,"
        " 'drift', '[]', '{}', 'x', 'drift_report_1')",
    )
    found = check(settings, use_case)
    assert (found.state, found.retrain) == ("fell", False)
    assert "drift_report_1 was started, and the cooldown lasts until 2026-03-10 00:00 UTC" in found.message
    later = check(settings, use_case, moment=dt.datetime(2026, 3, 11, tzinfo=dt.UTC))
    assert (later.check_id, later.retrain) == (found.check_id, True)


def test_a_check_repeated_keeps_its_id_and_starts_no_second_retraining(settings, use_case):
    write_file(use_case, answered(settings, use_case, auc_like=0.2))
    outcomes.collect(settings, use_case)
    first = check(settings, use_case)
    outcomes.record_retraining(settings, first.check_id, "outcomes_check_1")
    outcomes.record_retraining(settings, first.check_id, "another")
    again = check(settings, use_case)
    assert (again.check_id, again.retrain) == (first.check_id, False)
    assert "It started the retraining outcomes_check_1." in again.message
    rows_before = run(settings, "SELECT count(*) FROM ml.performance")
    check(settings, use_case)
    assert run(settings, "SELECT count(*) FROM ml.performance") == rows_before


def test_estimated_figures_stand_beside_the_realised_ones_and_need_no_label(settings, use_case):
    labelled = answered(settings, use_case)
    write_file(use_case, labelled[:300])
    outcomes.collect(settings, use_case)
    check(settings, use_case)
    assert set(figures(settings, "estimated")) == {"roc_auc", "average_precision", "brier", "f1"}
    assert set(figures(settings)) == {"roc_auc", "average_precision", "brier", "f1", "ece"}
    counts = run(settings, "SELECT DISTINCT kind, n_rows, n_positives FROM ml.performance WHERE slice = '' ORDER BY 1")
    assert counts == [("estimated", 400, None), ("realised", 300, sum(label for _, label in labelled[:300]))]


def test_slices_are_the_categories_of_the_contract_with_enough_labels(settings, use_case):
    write_file(use_case, answered(settings, use_case, n=600))
    outcomes.collect(settings, use_case)
    check(settings, use_case)
    found = run(
        settings, "SELECT DISTINCT slice, n_rows FROM ml.performance WHERE slice_column = 'Plan A' ORDER BY slice"
    )
    plans = rows(600, seed=1)["Plan A"].value_counts()
    assert found == [(plan, int(n)) for plan, n in sorted(plans.items()) if n >= 200]


def test_nothing_lies_locked_or_idle_in_the_database_while_figures_are_computed(settings, use_case, monkeypatch):
    open_ones, compute = [], outcomes.figures_of

    def watched(*given):
        open_ones.append(run(settings, "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
                             " AND application_name = 'outcomes' AND datname = current_database()"))  # fmt: skip
        return compute(*given)

    write_file(use_case, answered(settings, use_case))
    outcomes.collect(settings, use_case)
    monkeypatch.setattr(outcomes, "figures_of", watched)
    assert check(settings, use_case).n_rows == 400
    assert open_ones
    assert all(count == [(0,)] for count in open_ones)


def test_without_a_figure_of_the_hold_out_there_is_nothing_to_compare_with(settings, use_case):
    set_metrics(settings, {})
    with pytest.raises(ReferenceUnusable, match="no roc_auc of it"):
        check(settings, use_case)


def test_no_such_check_is_an_error(settings):
    with pytest.raises(KeyError, match="no performance check 7"):
        outcomes.record_retraining(settings, 7, "run")
