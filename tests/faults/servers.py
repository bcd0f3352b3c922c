"""Services of a test's own, which it may kill, halt, or cut off from each other."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import boto3
import httpx
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

ACCESS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test-secret", "AWS_DEFAULT_REGION": "us-east-1"}
BUCKET = "artifacts"


def free_port(low: int = 20_000) -> int:
    """A port nobody listens on; a port 10,000 above it is there too, and free."""
    for port in range(low + os.getpid() % 5000, 50_000):
        if all(_is_free(p) for p in (port, port + 10_000)):
            return port
    raise AssertionError("no free port")


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def until(holds: Callable[[], object], seconds: float = 120, pause: float = 0.05) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(pause)


class Server:
    """A process in a session of its own, with all that it starts."""

    def __init__(self, command: list[str], log: Path, environment: dict[str, str], healthy: Callable[[], bool]) -> None:
        self._command, self._log, self._environment, self._healthy = command, log, environment, healthy
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=os.environ | self._environment, stdout=log, stderr=log, start_new_session=True
            )
        until(self._healthy, 180)

    def send(self, number: signal.Signals) -> None:
        """To the process and all that it started."""
        assert self._process
        os.killpg(self._process.pid, number)

    def kill(self) -> None:
        if self._process and self._process.poll() is None:
            self.send(signal.SIGKILL)
            self._process.wait()


class Mlflow(Server):
    """Its metadata in SQLite, its artifacts in a folder or where ``artifacts`` says."""

    def __init__(
        self, folder: Path, *, artifacts: str | None = None, environment: dict[str, str] | None = None
    ) -> None:
        port = free_port()
        self.address = f"http://127.0.0.1:{port}"
        command = [
            sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
            "--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--serve-artifacts",
            "--artifacts-destination", artifacts or str(folder / "artifacts"),
        ]  # fmt: skip
        given = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"} | (
            environment or {}
        )
        super().__init__(command, folder / "mlflow.log", given, self._answers)

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.address}/health", timeout=2, trust_env=False, verify=False).status_code == 200
        except httpx.HTTPError:
            return False


class ObjectStore(Server):
    """SeaweedFS with one bucket."""

    def __init__(self, folder: Path) -> None:
        names = ("master.port", "volume.port", "filer.port", "s3.port")
        ports, low = {}, 20_000
        for name in names:
            ports[name] = free_port(low)
            low = ports[name] + 1 - os.getpid() % 5000
        self.port = ports["s3.port"]
        (folder / "store").mkdir()
        (folder / "s3.json").write_text(
            json.dumps(
                {
                    "identities": [
                        {
                            "name": "test",
                            "credentials": [
                                {
                                    "accessKey": ACCESS["AWS_ACCESS_KEY_ID"],
                                    "secretKey": ACCESS["AWS_SECRET_ACCESS_KEY"],
                                }
                            ],
                            "actions": ["Admin", "Read", "Write", "List"],
                        }
                    ]
                }
            )
        )
        weed = str(Path(sys.executable).parent / "weed")
        command = [weed, "server", f"-dir={folder / 'store'}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-s3",
                   f"-s3.config={folder / 's3.json'}", "-volume.max=20", "-master.volumeSizeLimitMB=64",
                   *(f"-{name}={port}" for name, port in ports.items())]  # fmt: skip
        super().__init__(command, folder / "weed.log", {}, self._has_bucket)

    def client(self):
        return boto3.client(
            "s3", endpoint_url=f"http://127.0.0.1:{self.port}", region_name=ACCESS["AWS_DEFAULT_REGION"],
            aws_access_key_id=ACCESS["AWS_ACCESS_KEY_ID"], aws_secret_access_key=ACCESS["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=5),
        )  # fmt: skip

    def _has_bucket(self) -> bool:
        try:
            s3 = self.client()
            if BUCKET not in [b["Name"] for b in s3.list_buckets()["Buckets"]]:
                s3.create_bucket(Bucket=BUCKET)
            s3.put_object(Bucket=BUCKET, Key="ready", Body=b"1")
            return True
        except (BotoCoreError, ClientError):
            return False


class Cable:
    """Between a client and a port of this machine; cut in the middle of the data that follow a mark."""

    def __init__(self, port: int) -> None:
        self._to, self._mark, self._cut = port, b"", threading.Event()
        self.sent_before_the_cut = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def cut_after(self, mark: bytes) -> None:
        """As soon as these bytes pass towards the port, half of what came with them goes on, and then nothing."""
        self._mark = mark

    @property
    def is_cut(self) -> bool:
        return self._cut.is_set()

    def mend(self) -> None:
        self._mark = b""
        self._cut.clear()

    def close(self) -> None:
        self._server.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if self.is_cut:
                near.close()
                continue
            far = socket.create_connection(("127.0.0.1", self._to))
            threading.Thread(target=self._pass, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pass, args=(far, near, False), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket, towards: bool) -> None:
        marked = False
        try:
            while data := one.recv(16_384):
                if self.is_cut:
                    break
                # The head of the request, and then what is sent with it.
                if towards and marked:
                    half = data[: len(data) // 2]
                    other.sendall(half)
                    self.sent_before_the_cut = len(half)
                    self._cut.set()
                    break
                marked = bool(towards and self._mark and self._mark in data)
                other.sendall(data)
        except OSError:
            pass
        finally:
            for end in (one, other):
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
