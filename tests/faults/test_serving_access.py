"""X1, X5: no way in without a key, by whatever name, header or path. All against a real process."""

import re

import httpx
import pytest
from starlette.routing import Mount

from serving.access import OPEN_PATHS
from serving.app import create_app
from serving.keys import line, new_key
from tests.serving import raw_http
from tests.serving.fakes import serving_settings
from tests.serving.process import started

KEY = new_key()
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
NOWHERE = "postgresql:///nowhere?host=/nowhere"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """Address of a service with one key, and its settings; without a model, which is behind the guard anyway."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "keys").write_text(line("app", KEY))
    settings = serving_settings(folder, NOWHERE).model_copy(
        update={"api_keys_file": folder / "keys", "access_log": True}
    )
    with started(settings, folder / "log") as (url, _):
        yield url, settings, folder / "log"


def every_path(settings):
    """A path of each route."""
    for route in create_app(settings).routes:
        yield re.sub(r"{[^}]*}", "x", route.path) + ("/swagger-ui.css" if isinstance(route, Mount) else "")


def test_x1_every_route_but_the_health_paths_wants_a_key(service):
    url, settings, _ = service
    paths = set(every_path(settings))
    assert {"/v1/predict", "/predict", "/v1/model", "/docs", "/docs/files/swagger-ui.css"} <= paths
    assert paths >= OPEN_PATHS
    with httpx.Client(base_url=url) as client:
        for path in {*paths, "/openapi.json", "/no/such/route", "/"} - OPEN_PATHS:
            for method in METHODS:
                for headers in ({}, {"X-API-Key": "wrong"}, {"Authorization": "Basic YWRtaW46YWRtaW4="}):
                    reply = client.request(method, path, headers=headers)
                    assert reply.status_code == 401, (method, path, headers)
        assert {client.get(path).status_code for path in OPEN_PATHS} == {200, 503}
    print(f"X1: {len(paths) + 2} paths, {len(METHODS)} methods: 401 without a key")


def test_x1_with_a_key_they_answer(service):
    url, _, _ = service
    headers = {"Authorization": f"Bearer {KEY}"}
    assert httpx.get(f"{url}/docs", headers=headers).status_code == 200
    assert httpx.get(f"{url}/openapi.json", headers=headers).status_code == 200
    assert httpx.post(f"{url}/predict", headers=headers, json={}).status_code == 503  # there is no model


ATTACKS = [
    # what is asked, and the only statuses it may get
    (b"GET /v1/model HTTP/1.1\r\n\r\n", {400}),
    (b"GET /v1/model HTTP/1.0\r\n\r\n", {400}),
    (b"GET /v1/model HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400}),
    (b"GET /health HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400}),
    (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: 127.0.0.1\r\n\r\n", {400}),
    (b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: evil.example\r\n\r\n", {400}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-Host: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Original-URL: /health\r\nX-Rewrite-URL: /health\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-HTTP-Method-Override: OPTIONS\r\n\r\n", {401}),
    (b"GET http://127.0.0.1/v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET http://evil.example/v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /health/../v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /health%2f..%2fv1%2fmodel HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /%76%31/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET //v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {400, 401}),
    (b"GET /v1/model;/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /v1/model?x=/health#/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /v1/model?api_key=KEY&X-API-Key=KEY HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: KEY\r\nX-API-Key: x\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX_API_Key: KEY\r\n\r\n", {401}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key : KEY\r\n\r\n", {400}),
    (b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"0\r\n\r\nGET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: KEY\r\n\r\n", {400}),
    (b"POST /health HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n012345", {400}),
    (b"GET /v1/model HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
     b"Sec-WebSocket-Key: eA==\r\nSec-WebSocket-Version: 13\r\n\r\n", {401}),
]  # fmt: skip


@pytest.mark.parametrize(("request_bytes", "allowed"), ATTACKS)
def test_x5_no_host_or_other_header_is_a_way_around_the_key(service, request_bytes, allowed):
    url, _, _ = service
    head, end, rest = request_bytes.replace(b"KEY", KEY.encode()).partition(b"\r\n\r\n")
    closing = b"" if b"Upgrade" in head else b"\r\nConnection: close"
    with raw_http.connect(url) as connection:
        connection.settimeout(12)
        connection.sendall(head + closing + end + rest)
        answer = connection.recv(65536)
    assert raw_http.status_of(answer) in allowed, answer
    assert answer.count(b"HTTP/1.1 ") == 1


def test_x5_two_requests_on_one_connection_are_judged_apart(service):
    url, _, _ = service
    with_key = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\nX-API-Key: " + KEY.encode() + b"\r\n\r\n"
    without = b"GET /openapi.json HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    _, answer = raw_http.ask(url, with_key + without)
    assert [int(code) for code in re.findall(rb"HTTP/1\.1 (\d+)", answer)] == [200, 401]


def test_x5_the_keys_and_what_came_in_are_not_in_the_log(service):
    url, _, log = service
    httpx.get(f"{url}/canary-path?canary=query", headers={"X-API-Key": KEY, "X-Canary": "canary-header"})
    httpx.get(f"{url}/docs", headers={"X-API-Key": "canary-key"})
    text = log.read_text()
    assert '"route":"-","status":404' in text
    assert "canary" not in text
    assert KEY not in text
