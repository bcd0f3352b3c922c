"""Downloads from a server that is good, bad, or not there."""

from __future__ import annotations

import itertools
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event

import pytest

from ml.contract import SourceArchive
from ml.errors import ArchiveUnusable
from ml.ingestion import archive
from ml.ingestion.archive import fetch
from tests.ml.web import body, closed_port, pinned, serving, zipped

CSV = b"place,amount,paid\nnorth,1,no\n"


@pytest.fixture
def target(tmp_path: Path) -> Path:
    (tmp_path / "landing").mkdir()
    (tmp_path / "scratch").mkdir()
    return tmp_path / "landing" / "orders.csv"


def get(source: SourceArchive, target: Path) -> None:
    fetch(source, target, target.parent.parent / "scratch")


def refused(source: SourceArchive, target: Path) -> str:
    """Why it is refused; nothing of it is left, in landing or elsewhere."""
    with pytest.raises(ArchiveUnusable) as caught:
        get(source, target)
    assert left(target) == []
    return str(caught.value)


def left(target: Path) -> list[Path]:
    return [*target.parent.iterdir(), *(target.parent.parent / "scratch").iterdir()]


def test_the_pinned_file_is_taken_out_of_the_archive(target: Path) -> None:
    with serving(body(zipped(orders__csv=CSV, other__csv=b"x"))) as url:
        get(pinned(url, CSV), target)
    assert target.read_bytes() == CSV
    assert left(target) == [target]


def test_an_archive_within_the_archive_is_opened(target: Path) -> None:
    with serving(body(zipped(inner__zip=zipped(orders__csv=CSV)))) as url:
        get(pinned(url, CSV, "inner.zip", "orders.csv"), target)
    assert target.read_bytes() == CSV


def test_a_redirect_is_followed(target: Path) -> None:
    with serving(body(zipped(orders__csv=CSV))) as there:

        def elsewhere(request: BaseHTTPRequestHandler) -> None:
            request.send_response(302)
            request.send_header("Location", there)
            request.end_headers()

        with serving(elsewhere) as url:
            get(pinned(url, CSV), target)
    assert target.read_bytes() == CSV


def test_other_content_than_the_pinned_is_refused(target: Path) -> None:
    with serving(body(zipped(orders__csv=CSV + b"south,2,yes\n"))) as url:
        why = refused(pinned(url, CSV), target)
    assert "the contract pins" in why


def test_an_archive_without_the_file_is_refused(target: Path) -> None:
    with serving(body(zipped(other__csv=CSV))) as url:
        assert refused(pinned(url, CSV), target) == f"{url}: it holds no orders.csv"


@pytest.mark.parametrize("cut", [0, 40, -30])
def test_a_damaged_archive_is_refused(target: Path, cut: int) -> None:
    with serving(body(zipped(orders__csv=CSV)[:cut])) as url:
        assert url in refused(pinned(url, CSV), target)


def test_a_page_in_place_of_the_archive_is_refused(target: Path) -> None:
    with serving(body(b"<html>Log in to use this network</html>")) as url:
        assert "not a zip file" in refused(pinned(url, CSV), target)


def test_an_error_of_the_server_is_told(target: Path) -> None:
    with serving(lambda request: request.send_error(503)) as url:
        assert "503" in refused(pinned(url, CSV), target)


def test_a_refused_connection_is_told(target: Path) -> None:
    assert "ConnectError" in refused(pinned(closed_port(), CSV), target)


def test_an_address_that_is_none_is_told(target: Path) -> None:
    refused(pinned("file:///etc/hostname", CSV), target)
    refused(pinned("http://127.0.0.1:port/", CSV), target)


def test_a_response_that_breaks_off_is_refused(target: Path) -> None:
    def half(request: BaseHTTPRequestHandler) -> None:
        content = zipped(orders__csv=CSV)
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content[:60])

    with serving(half) as url:
        assert "RemoteProtocolError" in refused(pinned(url, CSV), target)


def test_an_endless_response_ends_at_the_limit(target: Path) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        for _ in itertools.count():
            request.wfile.write(bytes(1024 * 1024))

    with serving(endless) as url:
        assert "larger than 200 MiB" in refused(pinned(url, CSV), target)


def test_a_response_that_drips_ends_at_the_deadline(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "DEADLINE_SECONDS", 0.2)

    def dripping(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        while True:
            request.wfile.write(b"x")
            Event().wait(0.02)

    with serving(dripping) as url:
        assert "not complete after" in refused(pinned(url, CSV), target)


def test_a_bomb_ends_at_the_limit(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "MAX_MEMBER", 4 * 1024 * 1024)
    with serving(body(zipped(orders__csv=bytes(5 * 1024 * 1024)))) as url:
        assert "orders.csv in it is larger than 4 MiB" in refused(pinned(url, CSV), target)


def test_a_name_that_leads_out_of_the_archive_is_no_path(target: Path) -> None:
    content = zipped(**{"../../escaped__csv": CSV})
    with serving(body(content)) as url:
        get(pinned(url, CSV, "../../escaped.csv"), target)
    assert target.read_bytes() == CSV
    assert [p for p in target.parent.parent.rglob("*") if p.is_file()] == [target]


def test_what_lay_there_stays_where_the_download_fails(target: Path) -> None:
    target.write_bytes(b"earlier")
    with serving(body(zipped(orders__csv=b"other"))) as url, pytest.raises(ArchiveUnusable):
        get(pinned(url, CSV), target)
    assert target.read_bytes() == b"earlier"
