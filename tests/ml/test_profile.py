"""The profile: statistics of groups of rows, and no row."""

from __future__ import annotations

import hashlib
import json
from math import prod
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ml.errors import ContractError, FileRefused
from ml.samples.marginal import CategoryMarginal, Marginal
from ml.samples.profile import build_profile
from ml.samples.profile_schema import Profile, load_profile, profile_path
from ml.samples.sample import draw_sample
from ml.samples.strata import LEAST_ROWS
from ml.use_case import UseCase, load_use_case
from tests.conftest import REPOSITORY
from tests.ingestion import DAY, make_use_case

BANK = load_use_case(REPOSITORY / "data", "bank_marketing")
LARGEST_FILE = 300_000


def orders(rows: int = 600, *, seed: int = 5) -> pd.DataFrame:
    """Orders of three months with a link to the target."""
    random = np.random.default_rng(seed)
    amount = random.integers(0, 50, rows)
    return pd.DataFrame(
        {
            "ordered": [f"2024-{1 + i * 3 // rows:02d}-{1 + i % 28:02d}" for i in range(rows)],
            "place": random.choice(["north", "south"], rows),
            "amount": amount,
            "paid": np.where(random.random(rows) < amount / 60, "yes", "no"),
        }
    ).drop_duplicates(ignore_index=True)


def profiled(use_case: UseCase, frame: pd.DataFrame) -> Profile:
    path = use_case.folder / "real.csv"
    frame.to_csv(path, index=False)
    return Profile.model_validate(build_profile(use_case, path))


def rows_described(marginal: Marginal) -> int:
    counts = marginal.labels.values() if isinstance(marginal, CategoryMarginal) else (*marginal.counts, marginal.spread)
    return sum(counts) + marginal.nulls


def values_named(marginal: Marginal) -> int:
    """Of how many values the marginal speaks."""
    if isinstance(marginal, CategoryMarginal):
        return len(marginal.labels)
    return len(set(marginal.atoms) | set(marginal.quantiles))


def check_groups_are_large(profile: Profile) -> None:
    """Nothing is told of fewer than LEAST_ROWS rows but how many they are."""
    for stratum in profile.strata:
        for column, marginal in stratum.marginals.items():
            assert rows_described(marginal) >= LEAST_ROWS, (stratum.period, stratum.label, column)
    for period in profile.periods:
        for column, counts in period.counts.items():
            assert sum(counts) >= LEAST_ROWS, (period.name, column)


def test_the_committed_profile_is_that_of_the_real_file(real_data: Path) -> None:
    built, kept = build_profile(BANK, real_data), json.loads(profile_path(BANK).read_bytes())
    assert hashlib.sha256(real_data.read_bytes()).hexdigest() == kept["source_sha256"] == BANK.contract.archive.sha256
    assert built == kept


def test_the_committed_profile_is_small() -> None:
    assert profile_path(BANK).stat().st_size < LARGEST_FILE


def test_the_committed_profile_describes_groups_of_rows_only() -> None:
    check_groups_are_large(load_profile(BANK))


def test_no_row_can_be_read_off_the_committed_profile() -> None:
    """Each stratum leaves open which of its columns' values go together: the rows it allows are far more than its own.

    The copulas, which do tell, are of all months of a class.
    """
    kept = load_profile(BANK)
    for stratum in kept.strata:
        assert prod(values_named(m) for m in stratum.marginals.values()) > 10_000 * stratum.rows, stratum.period
    for dependence in kept.dependences:
        assert sum(s.rows for s in kept.strata if (s.label, s.links) == (dependence.label, dependence.links)) > 1000


def test_counts_of_periods_are_those_of_the_file(tmp_path: Path) -> None:
    frame = orders()
    profile = profiled(make_use_case(tmp_path, DAY), frame)
    months = frame["ordered"].str[:7]
    assert [(p.name, p.rows) for p in profile.periods] == list(months.value_counts().sort_index().items())
    assert [p.positives for p in profile.periods] == list((frame["paid"] == "yes").groupby(months).sum())
    january = frame[months == "2024-01"]
    labels = profile.bins["place"].labels
    assert profile.periods[0].counts["place"] == (*(int((january["place"] == n).sum()) for n in labels), 0)


def test_a_month_and_a_pattern_of_few_rows_are_not_described_by_themselves(tmp_path: Path) -> None:
    frame = orders()
    lone = pd.DataFrame({"ordered": ["2024-09-17"], "place": ["south"], "amount": [31], "paid": ["yes"]})
    profile = profiled(make_use_case(tmp_path, DAY), pd.concat([frame, lone]))
    assert (profile.periods[-1].name, profile.periods[-1].rows, profile.periods[-1].counts) == ("2024-09", 1, {})
    check_groups_are_large(profile)


def test_a_row_that_alone_holds_some_links_is_not_described_by_itself(tmp_path: Path) -> None:
    """All large orders are heavy and come from the south, but for one."""
    names = ("size", "weight")
    extra = [{"name": n, "type": "category", "categories": ["low", "high"], "meaning": n} for n in names]
    frame = orders().assign(amount=lambda f: np.where(f["place"] == "south", -1, f["amount"] + 1))
    frame["size"] = frame["weight"] = np.where((frame["place"] == "south") & (frame.index % 2 == 0), "high", "low")
    lone = frame[frame["place"] == "north"].head(1).assign(size="high", weight="high", amount=7777)
    profile = profiled(make_use_case(tmp_path, DAY, *extra), pd.concat([frame, lone]))
    assert [set(link) for link in profile.links] == [set(names), set(names), {"place", "amount"}]
    assert {s.links for s in profile.strata} == {"100", "101", "011"}
    check_groups_are_large(profile)


@pytest.mark.parametrize("paid", [1, LEAST_ROWS - 1])
def test_a_class_of_few_rows_is_refused(tmp_path: Path, paid: int) -> None:
    frame = orders().assign(paid="no")
    frame.loc[: paid - 1, "paid"] = "yes"
    with pytest.raises(FileRefused, match="30 rows of either class"):
        profiled(make_use_case(tmp_path, DAY), frame)


def test_repeated_rows_count_once_and_rows_without_label_not_at_all(tmp_path: Path) -> None:
    frame = orders()
    unlabelled = frame.head(20).assign(paid="maybe")
    use_case = make_use_case(tmp_path, DAY)
    expected = profiled(use_case, frame)
    found = profiled(use_case, pd.concat([frame, frame.head(50), unlabelled]))
    assert found.model_copy(update={"source_sha256": expected.source_sha256}) == expected


def test_the_same_file_gives_the_same_profile(tmp_path: Path) -> None:
    use_case = make_use_case(tmp_path, DAY)
    assert profiled(use_case, orders()) == profiled(use_case, orders())


@pytest.mark.parametrize(
    "content", [b"", b"place,amount\nnorth,1\n", b"\xff\xfe", b"place,amount,paid\nnorth,many,no\n"]
)
def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path, content: bytes) -> None:
    use_case = make_use_case(tmp_path)
    (tmp_path / "bad.csv").write_bytes(content)
    with pytest.raises(FileRefused, match="cannot be read as the contract says"):
        build_profile(use_case, tmp_path / "bad.csv")


def test_rows_in_no_order_of_time_are_refused(tmp_path: Path, real_data: Path) -> None:
    shuffled = pd.read_csv(real_data, sep=";", dtype=str).sample(frac=0.1, random_state=1)
    shuffled.to_csv(tmp_path / "shuffled.csv", sep=";", index=False)
    with pytest.raises(FileRefused, match="no order of time"):
        build_profile(BANK, tmp_path / "shuffled.csv")


def test_numbers_that_are_categories_stay_categories(tmp_path: Path) -> None:
    stars = {"name": "stars", "type": "integer", "categories": [1, 2, 9], "meaning": "Judgement"}
    use_case = make_use_case(tmp_path, DAY, stars)
    frame = orders().assign(stars=1)
    frame.loc[[10, 200, 400], "stars"], frame.loc[[50, 250, 450], "stars"] = 2, 9
    drawn = draw_sample(use_case.contract, profiled(use_case, frame), seed=1)
    assert set(drawn["stars"]) == {1, 2, 9}


def test_a_damaged_profile_or_one_of_another_use_case_is_refused(tmp_path: Path) -> None:
    use_case = make_use_case(tmp_path)
    with pytest.raises(ContractError, match="mlp profile"):
        load_profile(use_case)
    profile_path(use_case).write_bytes(profile_path(BANK).read_bytes()[:-500])
    with pytest.raises(ContractError, match="mlp profile"):
        load_profile(use_case)
    profile_path(use_case).write_bytes(profile_path(BANK).read_bytes())
    with pytest.raises(ContractError, match="made for 'bank_marketing'"):
        load_profile(use_case)
