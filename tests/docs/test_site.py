"""The site builds without a warning, fetches nothing when it is read, and says what the database says."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import psycopg2
import pytest

from tests.conftest import REPOSITORY

_LINK = re.compile(r"\]\((?!https?://|mailto:)([^)#\s]*)(#[^)\s]*)?\)")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--fail-on-warning", "--keep-going", "--quiet", "-b", "html",
         "-d", str(folder / "doctrees"), "docs", str(folder / "html")],
        cwd=REPOSITORY, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder / "html"


class Fetched(HTMLParser):
    """Addresses that a browser fetches by itself when it shows a page."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if tag in ("script", "img", "iframe", "source") and values.get("src"):
            self.addresses.append(values["src"])
        if tag == "link" and values.get("rel") in ("stylesheet", "icon", "preload", "modulepreload"):
            self.addresses.append(values["href"])


def test_no_page_fetches_anything_from_elsewhere(site):
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 40
    for page in pages:
        parser = Fetched()
        parser.feed(page.read_text(encoding="utf-8"))
        assert parser.addresses
        assert [a for a in parser.addresses if "//" in a] == [], page
    for style in site.rglob("*.css"):
        assert re.findall(r"(?:@import|url\()\s*['\"]?https?:", style.read_text(encoding="utf-8")) == [], style


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_of_the_pages_beside_the_site_lead_somewhere(page):
    text = (REPOSITORY / page).read_text(encoding="utf-8")
    paths = [path for path, _ in _LINK.findall(text)] + re.findall(r'\bsrc(?:set)?="([^"]+)"', text)

    assert [path for path in paths if path and not (REPOSITORY / path).exists()] == []


def test_the_site_shows_every_command_of_the_command_line(site):
    from stack.cli import mlp

    shown = (site / "reference" / "cli.html").read_text(encoding="utf-8")

    assert [name for name in mlp.commands if f'id="mlp-{name}"' not in shown] == []


def test_the_tables_are_those_of_the_database(database_url):
    from reference_pages.tables import read_tables

    shown = {
        table.name: [name for name, *_ in table.columns] for table in read_tables(REPOSITORY / "ml" / "migrations")
    }
    with psycopg2.connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname, array_agg(a.attname ORDER BY a.attnum) FILTER (WHERE c.relkind <> 'v')"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped"
            " WHERE c.relnamespace = 'ml'::regnamespace AND c.relkind IN ('r', 'p', 'v') AND NOT c.relispartition"
            " GROUP BY c.relname"
        )
        found = {name: columns or [] for name, columns in cursor.fetchall()}
    connection.close()

    assert {name: sorted(columns) for name, columns in shown.items()} == {
        name: sorted(columns) for name, columns in found.items() if name in shown
    }
    assert set(found) - set(shown) <= {"migrations", "schema_migrations"}, set(found) - set(shown)
