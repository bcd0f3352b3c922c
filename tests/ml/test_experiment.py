"""Who takes part in an experiment, and what its tags mean."""

import math
import uuid

import pytest

from ml.errors import ConfigError
from ml.promotion import experiment
from ml.promotion.experiment import Mode, Setup, read_tags, takes_part

KEYS = [f"client {i}" for i in range(20_000)]


def part(name, percent):
    return {key for key in KEYS if takes_part(name, key, percent)}


@pytest.mark.parametrize("percent", [0, 1, 10, 50, 100])
def test_the_percentage_of_keys_takes_part_within_four_standard_errors(percent):
    share = percent / 100
    allowed = 4 * math.sqrt(share * (1 - share) / len(KEYS))
    assert abs(len(part("m/2", percent)) / len(KEYS) - share) <= allowed


def test_a_key_stays_where_it_is_and_a_higher_percentage_only_adds():
    low, high = part("m/2", 10), part("m/2", 30)
    assert low == part("m/2", 10)
    assert low < high


def test_another_version_draws_anew():
    both = len(part("m/2", 50) & part("m/3", 50)) / len(KEYS)
    assert abs(both - 0.25) < 4 * math.sqrt(0.25 * 0.75 / len(KEYS))


def test_name_and_key_do_not_run_together():
    assert [takes_part("m/1", "2" + k, 50) for k in KEYS] != [takes_part("m/12", k, 50) for k in KEYS]


def test_without_a_key_chance_decides():
    drawn = sum(takes_part("m/2", None, 25) for _ in KEYS) / len(KEYS)
    assert abs(drawn - 0.25) < 5 * math.sqrt(0.25 * 0.75 / len(KEYS))
    assert not any(takes_part("m/2", None, 0) for _ in range(1000))
    assert all(takes_part("m/2", None, 100) for _ in range(1000))


def test_any_text_may_be_a_key():
    for key in ("", "\u202e\U0001f4a3", "x" * 10_000, str(uuid.uuid4())):
        assert takes_part("m/2", key, 100)


@pytest.mark.parametrize(
    ("tags", "setup"),
    [
        ({}, Setup(Mode.OFF)),
        ({"other": "canary"}, Setup(Mode.OFF)),
        ({experiment.MODE_TAG: "off", experiment.PERCENT_TAG: "50"}, Setup(Mode.OFF)),
        ({experiment.MODE_TAG: " Shadow ", experiment.PERCENT_TAG: "nonsense"}, Setup(Mode.SHADOW)),
        ({experiment.MODE_TAG: "canary"}, Setup(Mode.CANARY, 0)),
        ({experiment.MODE_TAG: "canary", experiment.PERCENT_TAG: "12.5"}, Setup(Mode.CANARY, 12.5)),
    ],
)
def test_tags_say_the_setup(tags, setup):
    assert read_tags(tags) == setup


@pytest.mark.parametrize("percent", ["-1", "100.1", "nan", "inf", "ten", ""])
def test_a_percentage_that_is_none_is_refused(percent):
    with pytest.raises(ConfigError):
        read_tags({experiment.MODE_TAG: "canary", experiment.PERCENT_TAG: percent})


def test_an_unknown_mode_is_named():
    with pytest.raises(ConfigError, match=r"serving\.challenger is 'on'; it may be off, shadow, canary"):
        read_tags({experiment.MODE_TAG: "on"})
