"""Base images for a machine that reaches no image registry, made of Debian's packages and of wheels.

What this machine needs to reach its package sources (mirror, certificates, indexes) is read from the machine itself
and stays in these images, which are for this machine alone.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from stack.postgres import binaries
from tests.compose.engine import TOOLS
from tests.observability.prometheus import INSTALL, UNPACKED

SUITE = "bookworm"
_DEBIAN = "ml-platform-standin/debian"
_IMAGES = {name: f"ml-platform-standin/{name}" for name in ("python", "postgres", "seaweedfs", "redis", "prometheus")}
_INCLUDE = "ca-certificates,python3,python3-venv,wget"
_HOSTS_SETTINGS = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX",
                   "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")  # fmt: skip
_CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")


def build(docker: Mapping[str, str]) -> None:
    """Make those that are not there. ``docker`` is the environment of the engine."""
    for image, make in ((_DEBIAN, _debian), (_IMAGES["python"], _python), (_IMAGES["postgres"], _postgres),
                        (_IMAGES["seaweedfs"], _seaweedfs), (_IMAGES["redis"], _redis),
                        (_IMAGES["prometheus"], _prometheus)):  # fmt: skip
        found = subprocess.run(["docker", "image", "inspect", image], env=docker, capture_output=True, check=False)
        if found.returncode:
            with TemporaryDirectory() as scratch:
                make(docker, image, Path(scratch))


def _debian(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    root, log = scratch / "root", scratch / "log"
    with log.open("wb") as output:
        done = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={_INCLUDE}", SUITE, root, _mirror()],
            stdout=output, stderr=output, check=False,
        )  # fmt: skip
    assert done.returncode == 0, log.read_text()[-2000:]
    for left_out in ("var/cache/apt", "var/lib/apt/lists", "usr/share/doc", "usr/share/locale", "usr/share/man"):
        shutil.rmtree(root / left_out, ignore_errors=True)
    with subprocess.Popen(["tar", "-C", root, "-c", "."], stdout=subprocess.PIPE) as packed:
        imported = ["docker", "import", "-", image]
        subprocess.run(imported, stdin=packed.stdout, env=docker, check=True, capture_output=True)
    assert packed.returncode == 0


def _mirror() -> str:
    """The first package source of this machine that has the suite."""
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"],
        capture_output=True, text=True, check=True,
    ).stdout.splitlines()  # fmt: skip
    return next((uri for uri, suite in map(str.split, listed) if suite == SUITE), "http://deb.debian.org/debian")


def _python(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    """As `python:3.11-slim-bookworm`: the interpreter is /usr/local/bin/python."""
    settings = {name: value for name in _HOSTS_SETTINGS if (value := os.environ.get(name))}
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True, check=False
    ).stdout.strip()
    if pip:
        settings = {"PIP_INDEX_URL": pip, "UV_DEFAULT_INDEX": pip} | settings
    settings |= {name: str(_CERTIFICATES) for name in ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE")}
    shutil.copy(_CERTIFICATES, scratch / "ca.crt")
    shutil.copytree("/etc/apt/apt.conf.d", scratch / "apt.conf.d", symlinks=False)
    _docker_build(docker, image, scratch, [
        f"FROM {_DEBIAN}",
        f"COPY ca.crt {_CERTIFICATES}",
        "COPY apt.conf.d /etc/apt/apt.conf.d",
        *(f"ENV {name}={value}" for name, value in settings.items()),
        "RUN for name in python python3 python3.11; do ln -s /usr/bin/python3.11 /usr/local/bin/$name; done",
    ])  # fmt: skip


def _postgres(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    """PostgreSQL 18 of the wheel, with the one habit of the official image that is relied on: it makes the cluster."""
    package = binaries().parent.parent
    shutil.copytree(package / "pginstall18", scratch / "pg" / package.name / "pginstall18")
    shutil.copytree(package.with_name(f"{package.name}.libs"), scratch / "pg" / f"{package.name}.libs")
    (scratch / "entrypoint").write_text(
        "#!/bin/sh\nset -eu\n"
        'if [ ! -s "$PGDATA/PG_VERSION" ]; then\n'
        '    umask 077; mkdir -p "$PGDATA"; echo "$POSTGRES_PASSWORD" >/tmp/pw\n'
        '    initdb -D "$PGDATA" -U postgres --pwfile=/tmp/pw --encoding=UTF8 --locale=C.UTF-8; rm /tmp/pw\n'
        'fi\nexec "$@" -c listen_addresses="*" -c unix_socket_directories=/var/run/postgresql\n'
    )
    _docker_build(docker, image, scratch, [
        f"FROM {_DEBIAN}",
        "COPY pg /usr/lib/pg",
        "COPY entrypoint /usr/local/bin/entrypoint",
        "RUN chmod 755 /usr/local/bin/entrypoint && groupadd -g 999 postgres && useradd -u 999 -g 999 postgres"
        " && install -d -o postgres -g postgres /var/lib/postgresql /var/run/postgresql",
        f"ENV PATH=/usr/lib/pg/{package.name}/pginstall18/bin:$PATH PGDATA=/var/lib/postgresql/18/docker"
        " PGHOST=/var/run/postgresql",
        "USER 999:999",
        'ENTRYPOINT ["entrypoint"]',
    ])  # fmt: skip


def _seaweedfs(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    shutil.copy(TOOLS / "bin" / "weed", scratch / "weed")
    _docker_build(docker, image, scratch, [f"FROM {_DEBIAN}", "COPY weed /usr/bin/weed"])


def _redis(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    _docker_build(docker, image, scratch, [
        f"FROM {_IMAGES['python']}",
        "RUN apt-get update -qq && apt-get install -qq -y --no-install-recommends redis-server >/dev/null"
        " && rm -rf /var/lib/apt/lists && groupadd -g 999 r && useradd -u 999 -g 999 r && install -d -o r -g r /data",
    ])  # fmt: skip


def _prometheus(docker: Mapping[str, str], image: str, scratch: Path) -> None:
    subprocess.run(["sh", INSTALL], check=True, capture_output=True)
    shutil.copy(UNPACKED / "prometheus", scratch / "prometheus")
    _docker_build(docker, image, scratch, [
        f"FROM {_DEBIAN}",
        "COPY prometheus /usr/bin/prometheus",
        "RUN install -d -o 65534 -g 65534 /prometheus",
    ])  # fmt: skip


def _docker_build(docker: Mapping[str, str], image: str, scratch: Path, dockerfile: list[str]) -> None:
    (scratch / "Dockerfile").write_text("\n".join(dockerfile) + "\n")
    done = subprocess.run(
        ["docker", "build", "--network", "host", "-q", "-t", image, scratch],
        env=docker, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
