"""An MLflow that wants a login: the service gives it, and names MLflow where it is wrong."""

from __future__ import annotations

import base64
import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from ml.errors import NoProductionModel, Unavailable
from serving.registry import MlflowRegistry

LOGIN = ("serving", "s3cret")


class Guarded(BaseHTTPRequestHandler):
    """Knows no model, and tells that only to whom has the login, as MLflow's basic-auth app does."""

    def do_GET(self):
        expected = "Basic " + base64.b64encode(":".join(LOGIN).encode()).decode()
        known = self.headers.get("authorization") == expected
        body = json.dumps({"error_code": "RESOURCE_DOES_NOT_EXIST"}).encode()
        self.send_response(404 if known else 401)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def address():
    with HTTPServer(("127.0.0.1", 0), Guarded) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_login_is_given(address):
    with pytest.raises(NoProductionModel):
        MlflowRegistry(address, "model", LOGIN).production()


@pytest.mark.parametrize("login", [None, ("serving", "wrong")])
def test_without_the_right_login_mlflow_counts_as_away_and_the_version_that_serves_goes_on(address, login):
    with pytest.raises(Unavailable, match="status 401"):
        MlflowRegistry(address, "model", login).production()
