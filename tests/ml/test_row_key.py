"""The key of a row is one, whether Postgres or Python makes it."""

import pytest
from psycopg2 import sql

from ml.contract import Column, Contract, Role
from ml.ingestion.row_key import digest, digest_of
from ml.store import connect

CELLS = [
    ("7", "west"),
    ("", "a b"),
    ('say "no"', "back\\slash"),
    ("(1)", "1,5"),
    ("tab\there", "line\nbreak"),
    ("é\u00a0ü", "\x0b\x0c\r"),
    ("NULL", "null"),
]


def contract():
    column = {"type": "text", "meaning": "", "role": Role.KEY}
    target = Column(name="y", type="category", categories=("0", "1"), positive="1", role=Role.TARGET, meaning="")
    feature = Column(name="x", type="integer", meaning="")
    keys = (Column(name="a", **column), Column(name="b", **column))
    return Contract(use_case="calls", title="", description="", columns=(*keys, feature, target))


@pytest.mark.parametrize("cells", CELLS)
def test_a_row_of_a_file_to_predict_has_the_key_it_will_have_when_it_is_ingested(database_url, cells):
    cell = {name: sql.SQL("{}::text").format(sql.Literal(value)) for name, value in zip("ab", cells, strict=True)}
    cell |= {"x": sql.SQL("'1'::text"), "y": sql.SQL("'0'::text")}
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(sql.SQL("SELECT {}").format(digest(contract(), cell)))
        ((expected,),) = cursor.fetchall()
    assert digest_of(cells) == expected
