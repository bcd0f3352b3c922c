"""Folders of use cases: what is found, and what is said of a file that cannot be used."""

from pathlib import Path

import pytest
import yaml

from ml.contract_docs import contract_page
from ml.errors import ContractError
from ml.use_case import UseCase, discover, load_use_case
from tests.conftest import REPOSITORY
from tests.ingestion import DAY, ID, PLACE, make_use_case

MODEL = {
    "model_name": "orders",
    "experiment": "orders",
    "candidates": {"linear": {"estimator": "LogisticRegression", "params": {"C": 0.5}}},
}


def _configured(folder: Path, content: str | bytes | dict) -> UseCase:
    use_case = make_use_case(folder)
    text = yaml.safe_dump(content) if isinstance(content, dict) else content
    (use_case.folder / "model.yaml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return use_case


def test_use_cases_are_the_folders_with_a_contract_by_name(tmp_path: Path) -> None:
    for name in ("returns", "orders"):
        make_use_case(tmp_path, name=name)
    (tmp_path / "no_contract").mkdir()
    assert [u.name for u in discover(tmp_path)] == ["orders", "returns"]
    assert load_use_case(tmp_path, "orders").landing == tmp_path / "orders" / "landing"
    with pytest.raises(ContractError, match=r"no contract.yaml there; use cases found: orders, returns"):
        load_use_case(tmp_path, "no_contract")


def test_a_folder_of_another_name_than_its_contract_is_refused(tmp_path: Path) -> None:
    made = make_use_case(tmp_path)
    moved = UseCase(made.folder.rename(tmp_path / "sales"))
    with pytest.raises(ContractError, match="use_case is 'orders', the folder is 'sales'"):
        _ = moved.contract


def test_what_is_not_configured_has_its_default(tmp_path: Path) -> None:
    config = _configured(tmp_path, MODEL).config
    assert (config.metric, config.split.test_size, config.split.seed, config.min_rows) == ("roc_auc", 0.2, 42, 500)
    assert config.candidates["linear"].params == {"C": 0.5}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("a: [", "while parsing a flow"),
        (b"model_name: \xff", "invalid start byte"),
        ("", "Input should be a valid dictionary"),
        ({**MODEL, "metric": "gini"}, "metric: Input should be 'roc_auc', 'f1' or 'average_precision'"),
        ({**MODEL, "candidates": {}}, "candidates: Dictionary should have at least 1 item"),
        ({**MODEL, "candidates": {"x": {"estimator": "SVC"}}}, "candidates.x.estimator: Input should be 'Logistic"),
        ({**MODEL, "model_name": "a/b"}, "model_name: String should match pattern"),
        ({**MODEL, "split": {"test_size": 1}}, "split.test_size: Input should be less than 1"),
        ({**MODEL, "thresold": 0.5}, "thresold: Extra inputs are not permitted"),
        ({**MODEL, "drift": {"psi_limits": {"weight": 0.1}}}, "no feature of the contract: weight"),
        ({**MODEL, "late_features": ["weight", "paid"]}, "no feature of the contract: paid, weight"),
    ],
)
def test_a_model_file_that_cannot_be_used_is_named_with_the_reason(tmp_path: Path, content, reason: str) -> None:
    use_case = _configured(tmp_path, content)
    with pytest.raises(ContractError) as refused:
        _ = use_case.config
    assert str(refused.value).startswith(f"{use_case.folder / 'model.yaml'}: ")
    assert reason in str(refused.value)


def test_a_model_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"model\.yaml.*No such file or directory"):
        _ = make_use_case(tmp_path).config


def test_a_contract_that_is_no_text_is_named(tmp_path: Path) -> None:
    use_case = make_use_case(tmp_path)
    (use_case.folder / "contract.yaml").write_bytes(b"title: \xff")
    with pytest.raises(ContractError, match=r"contract\.yaml: .*invalid start byte"):
        _ = use_case.contract


def test_the_features_of_the_model_are_those_known_beforehand_and_those_let_in(tmp_path: Path) -> None:
    late = {"name": "wait", "type": "integer", "known_at_prediction": False, "meaning": "?"}
    for folder, let_in in (("a", []), ("b", ["wait"])):
        use_case = make_use_case(tmp_path / folder, late)
        (use_case.folder / "model.yaml").write_text(yaml.safe_dump({**MODEL, "late_features": let_in}))
        assert [f.name for f in use_case.model_features] == [*let_in, "place", "amount"]


def test_the_page_says_what_dates_a_row(tmp_path: Path) -> None:
    use_case = make_use_case(tmp_path, ID, DAY, event_time={"name": "ordered", "meaning": "Day of the order"})
    page = contract_page(use_case.contract)
    assert page.startswith("# orders\n\norders\n\nEvent time: `ordered` (Day of the order).\n\n| Column |")
    assert "| `id` | text |  |  | forbidden | key | yes | Number of the order |" in page


def test_no_cell_breaks_the_table_of_the_page(tmp_path: Path) -> None:
    odd = {**PLACE, "name": "a|b", "unit": "km|h", "categories": ["x|y", "z"], "meaning": "One\n| two"}
    exact = {"name": "n", "type": "number", "range": [-1234567.25, None], "meaning": "?"}
    lines = contract_page(make_use_case(tmp_path, odd, exact).contract).splitlines()
    assert r"| `a\|b` | category | km\|h | `x\|y`, `z` | forbidden | feature | yes | One \| two |" in lines
    assert "| `n` | number |  | -1234567.25 … | forbidden | feature | yes | ? |" in lines


def test_the_use_cases_of_the_repository_can_be_used() -> None:
    found = discover(REPOSITORY / "data") + discover(REPOSITORY / "tests" / "use_cases")
    assert {"bank_marketing", "customer_churn"} <= {u.name for u in found}
    for use_case in found:
        assert use_case.model_features
        assert not set(use_case.contract.late_features) & {f.name for f in use_case.model_features}


def test_files_may_land_elsewhere_than_in_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = make_use_case(tmp_path, ID)
    assert use_case.landing == use_case.folder / "landing"
    monkeypatch.setenv("ML_LANDING_DIR", str(tmp_path / "elsewhere"))
    assert use_case.landing == tmp_path / "elsewhere" / use_case.name
