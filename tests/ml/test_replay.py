"""A small history whose meaning turns in its middle, replayed by the platform's own rules."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from click.testing import CliRunner

from ml.cli.main import main
from ml.errors import ConfigError, FileRefused, NotEnoughData
from ml.model_config import ModelConfig
from ml.replay import configured, replay
from ml.replaying.history import read_history, windows
from ml.use_case import UseCase

MONTHS = pd.period_range("2020-01", periods=12, freq="M")
CONTRACT = {
    "use_case": "visits",
    "title": "Visits",
    "description": "Who comes again",
    "event_time": {"name": "day.of.visit", "meaning": "Day of the visit"},
    "columns": [
        {"name": "day.of.visit", "type": "date", "role": "event_time", "meaning": "Day"},
        {"name": "spend", "type": "number", "meaning": "Spend"},
        {"name": "way in", "type": "category", "categories": ["door", "gate"], "meaning": "Way"},
        {"name": "again", "type": "category", "categories": ["no", "yes"], "positive": "yes", "role": "target",
         "meaning": "Came again"},
    ],
}  # fmt: skip
CONFIG = {
    "model_name": "visits-model",
    "experiment": "visits",
    "candidates": {
        "blend": {"estimator": "Blend", "of": ["linear"]},
        "linear": {"estimator": "LogisticRegression", "half_life": 150},
    },
    "calibration": "none",  # by folds from before and after the turn, a curve would turn with it
    "performance": {"min_rows": 100},
    "gate": {"min_rows": 100},
    "drift": {"min_rows": 100},
    "replay": {"candidate": "linear", "confirm": {"violations": 1, "windows": 1}, "cooldown_days": 59},
}


def visits(rows=300, turned_from=5, shift=0.0):
    """From month ``turned_from`` on a high spend says the opposite, and lies higher by ``shift``."""
    rng = np.random.default_rng(0)
    parts = []
    for i, month in enumerate(MONTHS):
        n = 30 if i == 7 else rows  # one month is tiny
        spend = rng.normal(size=n)
        sign = -1 if i >= turned_from else 1
        again = rng.random(n) < 1 / (1 + np.exp(-2 * sign * spend))
        parts.append(pd.DataFrame({
            "day.of.visit": str(month.start_time.date()), "spend": spend + shift * (i >= turned_from),
            "way in": rng.choice(["door", "gate"], size=n), "again": np.where(again, "yes", "no"),
        }))  # fmt: skip
    return pd.concat(parts, ignore_index=True)


@pytest.fixture
def use_case(tmp_path):
    return make(tmp_path, CONFIG)


def make(folder, config, contract=CONTRACT):
    path = folder / "visits"
    path.mkdir(parents=True, exist_ok=True)
    (path / "contract.yaml").write_text(yaml.safe_dump(contract))
    (path / "model.yaml").write_text(yaml.safe_dump(config))
    return UseCase(path)


def write(folder, frame):
    path = folder / "visits.csv"
    frame.to_csv(path, index=False)
    return path


def by_policy(done, name):
    return [row for row in done.rows if row["policy"] == name]


@pytest.fixture(scope="module")
def turned(tmp_path_factory):
    folder = tmp_path_factory.mktemp("turned")
    return replay(make(folder, CONFIG), write(folder, visits()), folder / "out"), folder / "out"


def test_a_tiny_month_is_part_of_the_next(use_case, tmp_path):
    history = read_history(use_case.contract, write(tmp_path, visits()))
    found = windows(history, 100)
    assert len(found) == 11
    assert found[7].months == ("2020-08", "2020-09")
    assert sorted(np.concatenate([w.rows for w in found])) == list(range(len(history.frame)))


def test_a_tiny_month_at_the_end_is_part_of_the_last(use_case, tmp_path):
    frame = visits()
    history = read_history(use_case.contract, write(tmp_path, frame[: -300 + 20]))
    assert windows(history, 100)[-1].months == ("2020-11", "2020-12")


def test_labels_that_turned_raise_an_alarm_a_month_later_and_the_platform_follows(turned):
    done, _ = turned
    months = {row["window"]: row for row in by_policy(done, "on_drift")}
    assert months["2020-05"]["roc_auc"] > 0.8
    assert months["2020-06"]["roc_auc"] < 0.3  # the same inputs mean the opposite from here on
    assert months["2020-06"]["alarms"] == ""
    assert months["2020-07"]["alarms"].startswith("roc_auc of 2020-06: ")
    assert months["2020-07"]["retrained"]
    assert months["2020-12"]["roc_auc"] > 0.8
    assert all(row["roc_auc"] < 0.3 for row in by_policy(done, "never")[3:])


def test_no_drop_is_missed_and_fewer_retrainings_keep_most_of_the_gain(turned):
    result = turned[0].result
    assert result.missed_drops == 0
    assert result.drops >= 2
    assert 0 < result.gain_kept <= 1
    assert result.retrainings["never"] == 0
    assert result.retrainings["monthly"] == result.months == 8
    assert result.retrainings_ratio == result.retrainings["on_drift"] / 8 <= 0.5


def test_an_estimate_without_labels_does_not_see_that_labels_turned(turned):
    june = next(row for row in by_policy(turned[0], "on_drift") if row["window"] == "2020-06")
    assert june["estimated_roc_auc"] > 0.8 > 0.3 > june["roc_auc"]


def test_it_leaves_figures_a_table_and_a_picture(turned):
    done, out = turned
    document = json.loads((out / "replay.json").read_text())
    assert {"gain_kept", "retrainings_ratio", "missed_drops", "false_alarms", "months"} <= document.keys()
    assert len(document["windows"]) == len(pd.read_csv(out / "replay.csv")) == 3 * document["months"]
    assert done.picture.read_bytes().startswith(b"\x89PNG")


def test_the_same_file_gives_the_same_figures(turned, tmp_path):
    again = replay(make(tmp_path, CONFIG), write(tmp_path, visits()), tmp_path / "out")
    assert again.result == turned[0].result


def test_inputs_that_drift_raise_an_alarm_at_once(use_case, tmp_path):
    done = replay(use_case, write(tmp_path, visits(turned_from=5, shift=2.0)), tmp_path / "out")
    june = next(row for row in by_policy(done, "on_drift") if row["window"] == "2020-06")
    assert "drift: " in june["alarms"]
    assert "spend" in june["alarms"]


def test_the_gate_of_a_month_may_lose_what_live_performance_may(use_case):
    name, _, config = configured(use_case.config)
    assert (name, config.gate.max_loss, config.tuning.trials) == ("linear", 0.05, 0)
    assert config.drift.cooldown_days == 59


@pytest.mark.parametrize("candidate", ["blend", "nobody"])
def test_what_cannot_be_fitted_alone_is_refused(candidate):
    config = ModelConfig.model_validate({**CONFIG, "replay": {"candidate": candidate}})
    with pytest.raises(ConfigError, match="it may be linear"):
        configured(config)


def test_without_an_event_time_there_is_nothing_to_replay(tmp_path):
    columns = CONTRACT["columns"][1:]
    contract = {k: v for k, v in CONTRACT.items() if k != "event_time"} | {"columns": columns}
    with pytest.raises(ConfigError, match="no event time"):
        read_history(make(tmp_path, CONFIG, contract).contract, tmp_path / "visits.csv")


def test_too_few_months_are_refused(use_case, tmp_path):
    with pytest.raises(NotEnoughData, match="has 4 windows of 100 rows; a replay needs 5"):
        replay(use_case, write(tmp_path, visits()[:1200]), tmp_path / "out")


def test_a_file_that_lacks_a_column_is_refused(use_case, tmp_path):
    with pytest.raises(FileRefused, match="spend"):
        read_history(use_case.contract, write(tmp_path, visits().drop(columns="spend")))


def test_the_command_needs_no_service_and_prints_what_it_came_to(use_case, tmp_path):
    arguments = ["-q", "replay", "--data", str(write(tmp_path, visits())), "--out", str(tmp_path / "out")]
    environment = {"ML_DATABASE_URL": None, "ML_USE_CASES_DIR": str(tmp_path)}
    done = CliRunner().invoke(main, arguments, env=environment, catch_exceptions=False)
    assert done.exit_code == 0
    assert "linear: roc_auc, average_precision, brier, lift_at_10" in done.stdout
    assert "% of the retrainings." in done.stdout
    assert (tmp_path / "out" / "replay.json").is_file()
