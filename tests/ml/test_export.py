"""Tables as files for a spreadsheet."""

import csv
import json
import sys

import pytest

from ml.errors import ConfigError
from ml.export import export_table
from ml.ingest import ingest
from ml.scoring.spreadsheet import escape, spreadsheet
from ml.store import connect
from ml.validate import validate
from tests.ingestion import make_use_case, put

DANGEROUS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx", "=cmd|' /C calc'!A0", '="x"', "\nx"]
NOTE = {"name": "=note", "type": "text", "role": "key", "meaning": "Free text"}
MODEL = """
{model_name: m, experiment: e, validation: {max_bad_fraction: 1}, candidates: {a: {estimator: LogisticRegression}}}
"""


@pytest.fixture
def orders(tmp_path, settings):
    """Each dangerous text as a key, and twice as a category that is none."""
    use_case = make_use_case(tmp_path, NOTE)
    (use_case.folder / "model.yaml").write_text(MODEL)
    cells = [[note, "north", str(-at), "no"] for at, note in enumerate(DANGEROUS)]
    cells += [[f"{at}", note, str(at), "no"] for at, note in enumerate(DANGEROUS)]
    lines = [",".join(map(quoted, row)) for row in cells]
    put(use_case, "x.csv", "\n".join(["=note,place,amount,paid", *lines, "plain,south,,yes"]))
    ingest(settings, use_case, run_id="r")
    validate(settings, use_case)
    return use_case


def quoted(cell):
    return '"' + cell.replace('"', '""') + '"'


def exported(settings, use_case, name, out):
    n_rows = export_table(settings, use_case, name, out)
    with out.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert len(rows) == n_rows
    return header, [dict(zip(header, row, strict=True)) for row in rows]


def held(settings, use_case, table, column):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM {use_case.name}.{table} ORDER BY _line')
        return [cell for (cell,) in cursor.fetchall()]


def test_each_cell_that_a_spreadsheet_would_run_is_escaped_and_stays_verbatim_in_the_table(settings, orders, tmp_path):
    header, rows = exported(settings, orders, "raw", tmp_path / "raw.csv")
    assert "'=note" in header
    assert {f"'{text}" for text in DANGEROUS} <= {row["'=note"] for row in rows}
    assert {f"'{text}" for text in DANGEROUS} <= {row["place"] for row in rows}
    assert [cell for row in rows for cell in row.values() if cell.startswith(tuple("=+-@\t\r\n"))] == []
    assert held(settings, orders, "raw", "=note")[: len(DANGEROUS)] == DANGEROUS


def test_numbers_are_not_escaped_and_nulls_are_empty_cells(settings, orders, tmp_path):
    _, rows = exported(settings, orders, "features", tmp_path / "features.csv")
    amounts = {row["'=note"]: row["amount"] for row in rows}
    assert amounts["'+1"] == "-1"
    assert amounts["plain"] == ""
    assert {row["_event_time"] for row in rows} == {""}
    assert len(rows) == len(DANGEROUS) + 1


def test_reasons_are_json(settings, orders, tmp_path):
    _, rows = exported(settings, orders, "quarantine", tmp_path / "quarantine.csv")
    reasons = [json.loads(row["_reasons"]) for row in rows]
    assert sorted(r["value"] for (r,) in reasons) == sorted(DANGEROUS)
    assert {(r["column"], r["rule"]) for (r,) in reasons} == {("place", "categories")}
    assert held(settings, orders, "quarantine", "place") == DANGEROUS


def test_a_table_without_rows_is_a_header(settings, orders, tmp_path):
    header, rows = exported(settings, orders, "predictions", tmp_path / "deep" / "predictions.csv")
    assert header[:3] == ["model_name", "model_version", "row_key"]
    assert rows == []


def test_an_unknown_table_is_refused_by_name(settings, orders, tmp_path):
    out = tmp_path / "x.csv"
    with pytest.raises(ConfigError, match="orders has no table 'pg_user'; there are raw, features, quarantine, predic"):
        export_table(settings, orders, "pg_user", out)
    assert not out.exists()


def test_what_was_never_ingested_is_refused(settings, tmp_path):
    out = tmp_path / "x.csv"
    with pytest.raises(ConfigError, match="new has no table raw yet; ingest a file first"):
        export_table(settings, make_use_case(tmp_path, name="new"), "raw", out)
    assert not out.exists()


def test_an_export_that_fails_leaves_the_file_that_was_there(settings, orders, tmp_path):
    out = tmp_path / "raw.csv"
    exported(settings, orders, "raw", out)
    before = out.read_bytes()
    with pytest.raises(ZeroDivisionError), spreadsheet(out, ["a"]) as sheet:
        sheet.add([1 // at] for at in range(50_000, -1, -1))
    assert out.read_bytes() == before
    assert list(tmp_path.glob("*.part")) + list(tmp_path.glob(".*.part")) == []


def test_only_texts_are_escaped():
    values = [-1, -1.5, None, True, "", "1-1", " =1", "'=1"]
    assert [escape(value) for value in values] == values
    assert [escape(text) for text in DANGEROUS] == [f"'{text}" for text in DANGEROUS]


def test_whatever_a_cell_holds_it_is_one_cell(tmp_path):
    cells = ['a"b', "a,b", "a\r\nb", "ü\u202e", '=a,"b\n', sys.maxsize]
    with spreadsheet(tmp_path / "x.csv", ["a", "b", "c", "d", "e", "f"]) as sheet:
        sheet.add([cells])
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        _, row = csv.reader(file)
    assert row == [str(escape(cell)) for cell in cells]
    assert sheet.rows == 1
