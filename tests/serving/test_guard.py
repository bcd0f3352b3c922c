"""What a request must pass: host, key or loopback, size, number, time."""

import asyncio
import json
import logging

import httpx
import pytest

from serving.access import Access
from serving.guard import Guard
from serving.hosts import AllowedHosts
from serving.keys import ApiKeys, line, new_key

KEY = new_key()
LOCAL = ("127.0.0.1", 8000)
ELSEWHERE = ("10.1.2.3", 8000)


class Asked:
    """An app that tells what reached it, and answers when it may."""

    def __init__(self):
        self.bodies, self.states, self.may_answer = [], [], asyncio.Event()
        self.may_answer.set()

    async def __call__(self, scope, receive, send):
        self.bodies.append((await receive())["body"])
        self.states.append(dict(scope["state"]))
        await self.may_answer.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})


@pytest.fixture
def keys(tmp_path):
    (tmp_path / "keys").write_text(line("app", KEY))
    return ApiKeys(tmp_path / "keys")


def guard(app, keys=None, names=(), **limits):
    chosen = {"max_body_bytes": 1000, "max_concurrent": 2, "request_seconds": 30, **limits}
    return Guard(app, hosts=AllowedHosts(names), access=Access(keys), **chosen)


async def ask(guarded, *, path="/predict", headers=((b"host", b"127.0.0.1:8000"),), server=LOCAL, parts=(b"{}",)):
    """Status, headers and body of the answer; ``None`` where there is none."""
    pending, sent = list(parts), []

    async def receive():
        if not pending:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": pending.pop(0), "more_body": bool(pending)}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers), "server": server}
    await guarded(scope, receive, send)
    return (sent[0]["status"], dict(sent[0]["headers"]), sent[1]["body"]) if sent else None


def status(guarded, **request):
    return asyncio.run(ask(guarded, **request))[0]


HOST = (b"host", b"127.0.0.1:8000")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", 200), ("127.0.0.1:8000", 200), ("LocalHost:9", 200), ("[::1]", 200), ("[::1]:8000", 200),
        ("10.1.2.3:8000", 200), ("api.bank.example", 200), ("API.bank.example:443", 200),
        ("evil.example", 400), ("evil.example:8000", 400), ("127.0.0.1.evil.example", 400), ("", 400), (":8000", 400),
        ("127.0.0.1@evil.example", 400), ("127.0.0.1:", 400), ("127.0.0.1:x", 400), ("127.0.0.1, evil.example", 400),
        ("xapi.bank.example", 400), ("10.1.2.4", 400), ("127.0.0.1:8000:8000", 400), ("\xff", 400),
    ],
)  # fmt: skip
def test_the_host_must_be_loopback_its_own_address_or_allowed(keys, host, expected):
    headers = [(b"host", host.encode("latin-1")), (b"x-api-key", KEY.encode())]
    guarded = guard(Asked(), keys, ["api.bank.example"])
    assert status(guarded, headers=headers, server=ELSEWHERE) == expected


@pytest.mark.parametrize("hosts", [[], [b"127.0.0.1", b"127.0.0.1"], [b"127.0.0.1", b"evil.example"]])
def test_a_missing_or_second_host_is_refused(hosts):
    assert status(guard(Asked()), headers=[(b"host", host) for host in hosts]) == 400


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [([b"api.bank.example"], 200), ([b"evil.example"], 400), ([b"api.bank.example"] * 2, 400), ([b""], 400)],
)
def test_a_forwarded_host_must_be_an_allowed_one(keys, forwarded, expected):
    headers = [HOST, (b"x-api-key", KEY.encode()), *((b"x-forwarded-host", value) for value in forwarded)]
    assert status(guard(Asked(), keys, ["api.bank.example"]), headers=headers) == expected


@pytest.mark.parametrize(
    "credentials",
    [
        [(b"authorization", b"Bearer " + KEY.encode())],
        [(b"authorization", b"bearer  " + KEY.encode())],
        [(b"x-api-key", KEY.encode())],
    ],
)
def test_a_key_lets_in_and_its_name_is_known(keys, credentials):
    app = Asked()
    assert status(guard(app, keys), headers=[HOST, *credentials], server=ELSEWHERE) == 200
    assert app.states == [{"client": "app"}]


@pytest.mark.parametrize(
    "credentials",
    [
        [],
        [(b"authorization", b"Bearer")],
        [(b"authorization", b"Bearer ")],
        [(b"authorization", KEY.encode())],
        [(b"authorization", b"Basic " + KEY.encode())],
        [(b"authorization", b"Bearer " + KEY.encode() + b"x")],
        [(b"x-api-key", b"")],
        [(b"x-api-key", b"app")],
        [(b"cookie", b"x-api-key=" + KEY.encode())],
        [(b"x-api-key", KEY.encode()), (b"x-api-key", b"wrong")],
        [(b"authorization", b"Bearer wrong"), (b"x-api-key", KEY.encode())],
    ],
)
def test_without_one_right_key_there_is_401_even_on_loopback(keys, credentials):
    app = Asked()
    code, headers, body = asyncio.run(ask(guard(app, keys), headers=[HOST, *credentials]))
    assert (code, headers[b"www-authenticate"], app.bodies) == (401, b"Bearer", [])
    assert json.loads(body)["problems"] == []


def test_without_keys_loopback_is_answered_and_nothing_else_and_the_log_says_what_to_do(caplog):
    guarded = guard(Asked(), names=["10.1.2.3"])
    assert status(guarded) == 200
    assert status(guarded, server=("::1", 8000)) == 200
    for server in (ELSEWHERE, ("::ffff:10.1.2.3", 8000), ("/run/socket", None), None):
        assert status(guarded, server=server) == 403
        assert status(guarded, path="/health", server=server) == 200
    (record,) = caplog.records
    assert record.levelno == logging.ERROR
    assert "python -m serving.keys new <name>" in record.message


@pytest.mark.parametrize("header", [b"x-forwarded-for", b"forwarded", b"x-forwarded-proto"])
def test_without_keys_a_proxy_on_this_machine_lets_nobody_in(header):
    assert status(guard(Asked()), headers=[HOST, (header, b"127.0.0.1")]) == 403


@pytest.mark.parametrize("path", ["/healthy", "/health/", "/HEALTH", "//health", "/health/../predict", "/", "/docs"])
def test_only_the_open_paths_themselves_are_open(keys, path):
    assert status(guard(Asked(), keys), path=path) == 401
    assert status(guard(Asked(), keys), path="/health") == status(guard(Asked(), keys), path="/ready") == 200


@pytest.mark.parametrize(
    ("parts", "length", "expected"),
    [
        ([b"x" * 1000], b"1000", 200),
        ([b"x" * 1000], None, 200),
        ([b"x" * 500, b"x" * 500], None, 200),
        ([b"x" * 1001], None, 413),
        ([b"x" * 500, b"x" * 501], None, 413),
        ([b"x" * 500, b"x" * 501], b"10", 413),
        ([b"x"], b"1001", 413),
        ([b"x"], b"9" * 30, 413),
        ([b"x"], b"-1", 400),
        ([b"x"], "\u00b2".encode("latin-1"), 400),
    ],
)
def test_a_body_is_counted_as_it_comes_whatever_is_announced(parts, length, expected):
    app = Asked()
    headers = [HOST, *([(b"content-length", length)] if length else [])]
    assert status(guard(app), headers=headers, parts=parts) == expected
    assert app.bodies == ([b"".join(parts)] if expected == 200 else [])


def test_a_client_that_leaves_in_mid_body_reaches_no_endpoint():
    async def run():
        app, sent = Asked(), []
        messages = iter([{"type": "http.request", "body": b"{", "more_body": True}, {"type": "http.disconnect"}])

        async def receive():
            return next(messages)

        async def send(message):
            sent.append(message)

        await guard(app)({"type": "http", "path": "/predict", "headers": [HOST], "server": LOCAL}, receive, send)
        assert (app.bodies, sent) == ([], [])

    asyncio.run(run())


def test_above_the_limit_requests_get_503_at_once_but_for_the_open_paths():
    async def run():
        app = Asked()
        app.may_answer.clear()
        guarded = guard(app)
        working = [asyncio.create_task(ask(guarded)) for _ in range(2)]
        while len(app.bodies) < 2:
            await asyncio.sleep(0)
        code, headers, body = await ask(guarded)
        assert (code, headers[b"retry-after"]) == (503, b"1")
        assert json.loads(body) == {"detail": "The service is at its limit of requests. Try again.", "problems": []}
        open_path = asyncio.create_task(ask(guarded, path="/health"))
        app.may_answer.set()
        assert [(await one)[0] for one in (*working, open_path)] == [200] * 3
        assert (await ask(guarded))[0] == 200

    asyncio.run(run())


def test_an_answer_that_takes_too_long_is_503_and_frees_its_place():
    async def run():
        app = Asked()
        app.may_answer.clear()
        guarded = guard(app, max_concurrent=1, request_seconds=0.05)
        code, headers, _ = await ask(guarded)
        assert (code, headers[b"retry-after"]) == (503, b"1")
        app.may_answer.set()
        assert (await ask(guarded))[0] == 200

    asyncio.run(run())


def test_what_an_endpoint_does_after_its_answer_takes_no_place_and_has_its_own_time():
    async def run():
        app, end = Asked(), asyncio.Event()

        async def works_on(scope, receive, send):
            await app(scope, receive, send)
            await end.wait()

        guarded = guard(works_on, max_concurrent=1, request_seconds=0.05)
        first = asyncio.create_task(ask(guarded))
        while len(app.bodies) < 1:
            await asyncio.sleep(0)
        second = asyncio.create_task(ask(guarded))
        while len(app.bodies) < 2:
            await asyncio.sleep(0)
        await asyncio.sleep(0.1)
        end.set()
        assert [(await one)[0] for one in (first, second)] == [200, 200]

    asyncio.run(run())


def test_half_an_answer_is_not_followed_by_another():
    async def stuck(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        asyncio.run(ask(guard(stuck, request_seconds=0.05)))


def test_an_app_that_raises_frees_its_place():
    async def broken(scope, receive, send):
        raise ValueError("broken")

    guarded = guard(broken, max_concurrent=1)
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            asyncio.run(ask(guarded))


def test_websockets_are_refused():
    sent = []

    async def send(message):
        sent.append(message)

    asyncio.run(guard(Asked())({"type": "websocket", "path": "/predict", "headers": []}, None, send))
    assert sent == [{"type": "websocket.close"}]


def test_with_keys_ready_tells_its_problems_only_to_whom_has_one(tmp_path, registry):
    from serving.app import create_app
    from tests.serving.fakes import LocalClient, serving_settings

    registry.promote(None)
    (tmp_path / "keys").write_text(line("app", KEY))
    settings = serving_settings(tmp_path, "postgresql:///nowhere?host=/nowhere")
    with LocalClient(create_app(settings.model_copy(update={"api_keys_file": tmp_path / "keys"}), registry)) as client:
        known: httpx.Response = client.get("/ready", headers={"X-API-Key": KEY})
        assert "has no production version" in known.json()["problems"][0]
        stranger = client.get("/ready")
        assert stranger.json()["problems"] == ["There are problems; ask with an API key to see them."]
        assert known.status_code == stranger.status_code == 503
