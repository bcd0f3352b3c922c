"""A real Prometheus with the configuration that is deployed, and its tool."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.conftest import REPOSITORY

DEPLOYED = REPOSITORY / "deploy" / "prometheus"
INSTALL = Path(__file__).with_name("install_prometheus.sh")
UNPACKED = REPOSITORY / ".local" / "prometheus" / "bin"
"""Where that puts the programs."""


def find(tool: str) -> str | None:
    """``prometheus`` or ``promtool``: what `make prometheus` unpacked, else what is on the PATH."""
    return shutil.which(tool, path=str(UNPACKED)) or shutil.which(tool)


def configure(folder: Path, targets: Mapping[str, Sequence[str]]) -> Path:
    """The deployed configuration with other targets, each job's; all else, the rules too, is as it is deployed."""
    config = yaml.safe_load((DEPLOYED / "prometheus.yml").read_text())
    config["rule_files"] = [str(DEPLOYED / name) for name in config["rule_files"]]
    config["global"] |= {"scrape_interval": "1s", "evaluation_interval": "1s"}
    key = folder / "key"
    key.write_text("the embedded API asks for none")
    for job in config["scrape_configs"]:
        job["static_configs"] = [{"targets": list(targets[job["job_name"]])}]
        if "authorization" in job:
            job["authorization"]["credentials_file"] = str(key)
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(config))
    return path


@dataclass(frozen=True)
class Prometheus:
    """A server that runs."""

    process: subprocess.Popen[bytes]
    address: str
    log: Path

    @classmethod
    def start(cls, config: Path, port: int) -> Prometheus:
        program, log = find("prometheus"), config.parent / "prometheus.log"
        assert program
        command = [program, f"--config.file={config}", f"--storage.tsdb.path={config.parent / 'tsdb'}",
                   f"--web.listen-address=127.0.0.1:{port}", "--enable-feature=expand-external-labels"]  # fmt: skip
        with log.open("wb") as output:
            process = subprocess.Popen(command, stdout=output, stderr=output, env={"ML_DOCS_URL": "https://docs"})
        started = cls(process, f"http://127.0.0.1:{port}", log)
        started.until(lambda: started.is_ready, 30)
        return started

    @property
    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.address}/-/ready", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    def until(self, holds: Any, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while not holds():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, f"it did not come true in {seconds} s; {self.log.read_text()[-2000:]}"
            time.sleep(0.25)

    def get(self, path: str, **parameters: str) -> Any:
        reply = httpx.get(f"{self.address}/api/v1/{path}", params=parameters, trust_env=False)
        answer = reply.json()
        assert answer["status"] == "success", (path, parameters, answer)
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """The series that an expression gives now."""
        return list(self.get("query", query=expression)["result"])

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(30)
