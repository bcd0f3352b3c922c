"""Small real programs for the tests to start, lose and end."""

from __future__ import annotations

import sys
import textwrap
from functools import partial
from pathlib import Path

from stack.health import says_ok
from stack.service import Service

WEB = """
import http.server, sys
print("web says hello", flush=True)
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), http.server.SimpleHTTPRequestHandler).serve_forever()
"""

FAMILY = """
import subprocess, sys, time
# A child in a session of its own, as task runners make them, and one that will not hear a request to end.
own = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
deaf = subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(600)"])
print("children", own.pid, deaf.pid, flush=True)
time.sleep(600)
"""


def program(state: Path, source: str, *arguments: str, name: str = "program", **fields: object) -> Service:
    """A service that runs a piece of Python."""
    command = (sys.executable, "-c", textwrap.dedent(source), *arguments)
    return Service(name=name, command=command, environment={}, state=state, **fields)


def web(state: Path, port: int, name: str = "web", **environment: str) -> Service:
    """A service that answers over HTTP."""
    return Service(
        name=name,
        command=(sys.executable, "-c", WEB, str(port)),
        environment=environment,
        state=state,
        answers=partial(says_ok, f"http://127.0.0.1:{port}/"),
        port=port,
        port_variable="ML_WEB_PORT",
    )
