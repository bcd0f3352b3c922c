"""S6, S7, S11: bodies without end, clients that never finish, and more clients than the service can serve."""

import asyncio
import contextlib
import select
import time
from pathlib import Path

import httpx
import pytest

from serving.cache import BundleCache
from serving.watcher import Watcher
from tests.serving import bundles, raw_http
from tests.serving.fakes import MODEL, FolderRegistry, serving_settings
from tests.serving.process import memory, started, until, version

GIGABYTE = 10**9
LIMIT = 1024 * 1024


@pytest.fixture
def settings(tmp_path, contract, serving_database_url):
    """A service without MLflow, with a version in its cache."""
    settings = serving_settings(tmp_path, serving_database_url).model_copy(update={"poll_seconds": 2})
    registry = FolderRegistry(tmp_path / "registry", contract)
    registry.register("1")
    registry.promote("1")
    Watcher(registry, BundleCache(settings.cache_dir, MODEL), MODEL).look()
    return settings


@pytest.fixture
def request_bytes(contract):
    return raw_http.post("/v1/predict", {"input": bundles.example(contract)})


@contextlib.contextmanager
def serving(settings, tmp_path, **changed):
    with started(settings.model_copy(update=changed), tmp_path / "log") as (url, process):
        until(lambda: version(url) == "1", 20)
        yield url, process


@pytest.mark.parametrize("announced", [True, False])
def test_s6_a_body_of_a_gigabyte_gets_413_and_takes_no_memory(settings, tmp_path, request_bytes, announced):
    with serving(settings, tmp_path) as (url, process):
        asyncio.run(raw_http.load(url, request_bytes, clients=4, seconds=1))
        for body in (b" " * LIMIT, iter([b" " * (LIMIT // 2)] * 2)):  # the largest that are taken
            assert httpx.post(f"{url}/v1/predict", content=body).status_code == 400
        before = memory(process, "VmRSS")
        Path(f"/proc/{process.pid}/clear_refs").write_text("5")  # resets the most
        sent, answer = flood(url, announced)
        growth = memory(process, "VmHWM") - before
        assert httpx.get(f"{url}/health").status_code == 200
    print(f"S6 announced={announced}: {sent / 1e6:.0f} MB sent, RSS grew by {growth / 1e6:.2f} MB")
    assert raw_http.status_of(answer) == 413
    assert b"larger than the 1048576 bytes" in answer
    assert growth < 2 * LIMIT


def flood(url, announced):
    """Sends until all is sent or the connection ends; reads meanwhile. Bytes sent, and the answer."""
    piece = b"x" * 65536
    framing = f"Content-Length: {GIGABYTE}" if announced else "Transfer-Encoding: chunked"
    frame = piece if announced else b"10000\r\n" + piece + b"\r\n"
    sent, answer = 0, b""
    with raw_http.connect(url) as connection, contextlib.suppress(ConnectionError):
        connection.sendall(f"POST /v1/predict HTTP/1.1\r\nHost: 127.0.0.1\r\n{framing}\r\n\r\n".encode())
        while sent < GIGABYTE:
            if select.select([connection], [], [], 0)[0]:
                part = connection.recv(65536)
                if not part:
                    break
                answer += part
            connection.sendall(frame)
            sent += len(piece)
    return sent, answer


@pytest.mark.fault
def test_s7_slow_connections_are_closed_and_hold_up_nobody(settings, tmp_path, request_bytes):
    with serving(settings, tmp_path) as (url, _):
        asyncio.run(raw_http.load(url, request_bytes, clients=4, seconds=1))
        for attempt in range(3):  # others use this machine as well
            ages, quiet, attacked = asyncio.run(slow_loris(url, request_bytes))
            print(
                f"S7 attempt {attempt}: {len(ages)} connections closed after {min(ages):.1f} to {max(ages):.1f} s;"
                f" p99 {1000 * quiet:.1f} ms in quiet, {1000 * attacked:.1f} ms under attack"
            )
            assert len(ages) == 200
            assert max(ages) < 15
            if attacked < 2 * quiet:
                break
        assert attacked < 2 * quiet


async def slow_loris(url, request_bytes):
    """Ages at which each of 200 connections was closed, and the p99 of normal clients without and with them."""
    before = await raw_http.load(url, request_bytes, clients=4, seconds=4)
    attack = asyncio.gather(*(slow_connection(url, n) for n in range(200)))
    await asyncio.sleep(1)
    during = await raw_http.load(url, request_bytes, clients=4, seconds=8)
    ages = await attack
    after = await raw_http.load(url, request_bytes, clients=4, seconds=4)
    assert {reply.status for reply in during} == {200}
    return ages, max(raw_http.p99(before), raw_http.p99(after)), raw_http.p99(during)


async def slow_connection(url, number):
    """Silent, a head or a body that comes by the byte, or an empty line before each second; seconds until closed."""
    host, port = url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    begun = time.monotonic()
    start, drop = (
        (b"", b""),
        (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", b"x"),
        (b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1000\r\n\r\n{", b" "),
        (b"", b"\r\n"),
    )[number % 4]
    writer.write(start)
    end = asyncio.create_task(reader.read())
    while not end.done() and time.monotonic() < begun + 30:
        await asyncio.wait([end], timeout=1)
        if not end.done():
            writer.write(drop)
    with contextlib.suppress(ConnectionError):
        assert (await end).partition(b"\r\n")[0] in (b"", b"HTTP/1.1 408 Request Timeout")
    writer.close()
    return time.monotonic() - begun


@pytest.mark.fault
def test_s11_at_three_times_the_capacity_some_get_503_at_once_and_the_rest_their_answer(
    settings, tmp_path, request_bytes
):
    with serving(settings, tmp_path, max_concurrent=8) as (url, _):
        asyncio.run(raw_http.load(url, request_bytes, clients=4, seconds=1))
        at_capacity = asyncio.run(raw_http.load(url, request_bytes, clients=8, seconds=3))
        replies, health = asyncio.run(overload(url, request_bytes))
        ended = time.monotonic()
        after = asyncio.run(raw_http.load(url, request_bytes, clients=4, seconds=2))
    accepted = [reply for reply in replies if reply.status == 200]
    refused = [reply for reply in replies if reply.status == 503]
    recovery = next(reply.at for reply in after if reply.status == 200) - ended
    print(
        f"S11: {len(accepted)} accepted, p99 {1000 * raw_http.p99(accepted):.1f} ms (at capacity"
        f" {1000 * raw_http.p99(at_capacity):.1f} ms); {len(refused)} got 503, p99"
        f" {1000 * raw_http.p99(refused):.1f} ms; first answer {1000 * recovery:.1f} ms after the end"
    )
    assert {reply.status for reply in at_capacity} == {200}
    assert len(accepted) + len(refused) == len(replies)
    assert all(b"retry-after: 1\r\n" in reply.head for reply in refused)
    assert len(refused) > 10
    assert raw_http.p99(accepted) < 5 * raw_http.p99(at_capacity) + 0.1
    assert set(health) == {200}
    assert recovery < 10
    assert {reply.status for reply in after} == {200}


async def overload(url, request_bytes):
    """Replies to 24 clients, and what the open path says meanwhile."""
    health = []
    load = asyncio.create_task(raw_http.load(url, request_bytes, clients=24, seconds=5, pause_after_503=0.05))
    async with httpx.AsyncClient() as client:
        while not load.done():
            health.append((await client.get(f"{url}/health")).status_code)
            await asyncio.sleep(0.2)
    return await load, health
