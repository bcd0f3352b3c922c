from datetime import date
from pathlib import Path

import pytest
import yaml

from ml.contract import ColumnType, Role, load_contract
from ml.contract_docs import contract_page
from ml.errors import ContractError
from ml.model_config import Metric, load_model_config
from ml.use_case import UseCase, discover, load_use_case
from tests.conftest import REPOSITORY

BANK = REPOSITORY / "data" / "bank_marketing"
CHURN = REPOSITORY / "tests" / "use_cases" / "customer_churn"


@pytest.fixture
def document() -> dict:
    return yaml.safe_load((CHURN / "contract.yaml").read_text())


def write(path: Path, document: dict) -> Path:
    path.write_text(yaml.safe_dump(document))
    return path


def test_the_first_use_case_documents_all_17_columns():
    contract = load_contract(BANK / "contract.yaml")
    assert len(contract.columns) == 17
    assert all(c.meaning for c in contract.columns)
    assert all(c.range or c.categories for c in contract.columns)
    assert [c.name for c in contract.columns if c.is_numeric and c.unit is None] == []


def test_a_column_known_only_afterwards_is_no_feature_by_default_and_one_line_brings_it_in(tmp_path):
    contract = load_contract(BANK / "contract.yaml")
    assert contract.late_features == ("duration",)
    assert "duration" not in [c.name for c in UseCase(BANK).model_features]
    folder = tmp_path / "bank_marketing"
    folder.mkdir()
    (folder / "contract.yaml").write_text((BANK / "contract.yaml").read_text())
    text = (BANK / "model.yaml").read_text()
    (folder / "model.yaml").write_text(text.replace("late_features: []", "late_features: [duration]"))
    assert "duration" in [c.name for c in UseCase(folder).model_features]


def test_roles_are_read():
    contract = load_contract(CHURN / "contract.yaml")
    assert [c.name for c in contract.key] == ["client.id"]
    assert (contract.target.name, contract.target.positive) == ("churned", 1)
    assert len(contract.model_features()) == 20
    assert contract.event_time is None


def test_dates_derived_from_row_order_have_their_span():
    derive = load_contract(BANK / "contract.yaml").event_time.derive
    assert (derive.start, derive.until) == (date(2008, 5, 1), date(2010, 11, 30))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda d: d["columns"].append(dict(d["columns"][1])), "columns named twice: calls.day"),
        (lambda d: d["columns"][-1].pop("positive"), "needs two `categories` and one of them as `positive`"),
        (lambda d: d["columns"].pop(), "exactly one column needs `role: target`"),
        (lambda d: d["columns"][1].update(type="category"), "a category needs its `categories`"),
        (lambda d: d["columns"][1].update(type="text"), "a feature is integer, number or category"),
        (lambda d: d["columns"][1].update(colour="red"), "Extra inputs are not permitted"),
        (lambda d: d.update(use_case="Bad-Name"), "String should match pattern"),
        (lambda d: d.update(event_time={"name": "when", "meaning": "?"}), "neither a column nor derived"),
        (
            lambda d: d.update(event_time={"name": "when", "meaning": "?", "derive": {
                "month": "nope", "day": "calls.day", "start": "2020-01-01", "until": "2020-02-01"}}),
            "names 'nope', which is no column",
        ),
        (lambda d: d.update(columns=[c for c in d["columns"] if c.get("role")]), "no column has `role: feature`"),
    ],
)  # fmt: skip
def test_a_contract_that_cannot_be_used_says_where_it_is_wrong(document, tmp_path, change, message):
    change(document)
    path = write(tmp_path / "contract.yaml", document)
    with pytest.raises(ContractError) as error:
        load_contract(path)
    assert message in str(error.value)
    assert str(path) in str(error.value)


def test_a_file_that_is_no_yaml_is_named(tmp_path):
    path = tmp_path / "contract.yaml"
    path.write_text("columns: [")
    with pytest.raises(ContractError, match=r"contract\.yaml"):
        load_contract(path)
    with pytest.raises(ContractError, match=r"missing\.yaml"):
        load_model_config(tmp_path / "missing.yaml")


def test_an_unknown_column_in_the_model_file_is_refused(tmp_path):
    folder = tmp_path / "customer_churn"
    folder.mkdir()
    (folder / "contract.yaml").write_text((CHURN / "contract.yaml").read_text())
    (folder / "model.yaml").write_text((CHURN / "model.yaml").read_text() + "\nlate_features: [nope]\n")
    with pytest.raises(ContractError, match="no feature of the contract: nope"):
        _ = UseCase(folder).config


def test_an_unknown_metric_is_refused_with_the_known_ones(tmp_path):
    path = tmp_path / "model.yaml"
    path.write_text((CHURN / "model.yaml").read_text().replace("average_precision", "accuracy"))
    with pytest.raises(ContractError, match="'roc_auc', 'f1' or 'average_precision'"):
        load_model_config(path)


def test_use_cases_are_found_by_their_folders():
    assert [u.name for u in discover(REPOSITORY / "data")] == ["bank_marketing"]
    assert load_use_case(CHURN.parent, "customer_churn").config.metric is Metric.AVERAGE_PRECISION


def test_a_use_case_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(ContractError, match="use cases found: customer_churn"):
        load_use_case(CHURN.parent, "nope")


def test_a_folder_and_its_contract_bear_the_same_name(tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "contract.yaml").write_text((CHURN / "contract.yaml").read_text())
    with pytest.raises(ContractError, match="use_case is 'customer_churn', the folder is 'other'"):
        _ = UseCase(tmp_path / "other").contract


def test_a_column_is_found_by_name():
    contract = load_contract(CHURN / "contract.yaml")
    assert contract.column("plan.type").labels == ("basic", "family", "pro+")
    assert contract.column("Age Years").type is ColumnType.INTEGER
    assert contract.column("client.id").role is Role.KEY
    with pytest.raises(KeyError):
        contract.column("nope")


def test_the_docs_page_lists_every_column_with_its_meaning():
    page = contract_page(load_contract(CHURN / "contract.yaml"))
    assert "| `Age Years` | integer | years | 18 … 100 | forbidden | feature | yes | Age of the client |" in page
    assert "| `plan.type` | category |  | `basic`, `family`, `pro+` | forbidden | feature | yes | Tariff |" in page


def test_the_page_in_the_docs_is_the_one_derived_from_the_contract():
    page = REPOSITORY / "docs" / "use_cases" / "bank_marketing.md"
    assert page.read_text() == contract_page(load_contract(BANK / "contract.yaml")), "run `mlp docs`"
