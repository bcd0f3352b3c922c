"""An HTTP server on 127.0.0.1 for tests of downloads."""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from ml.contract import SourceArchive

Answer = Callable[[BaseHTTPRequestHandler], None]


@contextlib.contextmanager
def serving(answer: Answer) -> Iterator[str]:
    """Address of a server that gives this answer to each GET."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with contextlib.suppress(ConnectionError):  # the client may have had enough
                answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/archive.zip"
        finally:
            server.shutdown()
            thread.join()


def body(content: bytes) -> Answer:
    """Status 200 and this content."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(len(content)))
        request.end_headers()
        request.wfile.write(content)

    return answer


def closed_port() -> str:
    """An address where nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}/archive.zip"


def zipped(**members: bytes) -> bytes:
    """A zip of members named like the arguments, ``__`` being the dot."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return stream.getvalue()


def pinned(url: str, content: bytes, *member: str) -> SourceArchive:
    """The entry of a contract for that file of the archive."""
    sha256 = hashlib.sha256(content).hexdigest()
    return SourceArchive(url=url, member=member or ("orders.csv",), sha256=sha256, licence="CC0", citation="none")
