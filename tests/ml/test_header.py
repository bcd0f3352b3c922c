import pytest

from ml.errors import FileRefused
from ml.ingestion.header import read_header
from tests.ingestion import make_use_case


@pytest.fixture
def contract(tmp_path):
    return make_use_case(tmp_path).contract


def reason(contract, text: str) -> str:
    with pytest.raises(FileRefused) as caught:
        read_header(contract, "x.csv", text)
    return caught.value.reason


@pytest.mark.parametrize("text", ["place,amount,paid", '"place","amount","paid"'])
def test_columns_may_be_quoted(contract, text):
    assert read_header(contract, "x.csv", text).names == ("place", "amount", "paid")


def test_columns_keep_the_order_of_the_file(contract):
    assert read_header(contract, "x.csv", "paid,place,amount").names == ("paid", "place", "amount")


def test_missing_doubled_and_unknown_columns_are_named_together(contract):
    assert reason(contract, "place,place, paid") == (
        "the header has no column 'amount', 'paid'; more than one column 'place'; unknown column ' paid'"
    )


def test_unknown_columns_are_let_in_where_the_contract_ignores_them(tmp_path):
    contract = make_use_case(tmp_path, file={"extra_columns": "ignore"}).contract
    assert read_header(contract, "x.csv", "place,x,amount,x,paid").names == ("place", "x", "amount", "x", "paid")


def test_a_long_list_of_unknown_columns_is_cut(contract):
    said = reason(contract, "place,amount,paid," + ",".join(f"x{i}" for i in range(50)))
    assert said.endswith("'x9' and 40 more")


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_another_delimiter_is_recognised(contract, delimiter):
    assert reason(contract, delimiter.join(["place", "amount", "paid"])) == (
        f"its columns are separated by {delimiter!r}, the contract says ','"
    )


def test_an_empty_file_has_no_header(contract):
    assert reason(contract, "") == "it is empty; not even a header"


def test_lone_carriage_returns_are_recognised(contract):
    assert "lone carriage return" in reason(contract, "place,amount,paid\rnorth,1,no\r")


def test_a_header_that_is_no_csv_is_refused(contract):
    assert reason(contract, '"place"x,amount,paid').startswith("the header cannot be read")


def test_more_columns_than_postgres_takes_are_refused(tmp_path):
    contract = make_use_case(tmp_path, file={"extra_columns": "ignore"}).contract
    said = reason(contract, "place,amount,paid," + ",".join(f"x{i}" for i in range(1500)))
    assert said == "the header has 1503 columns; the most is 1500"
