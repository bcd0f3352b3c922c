"""Where notices arrive: a web server and a mail server of the test's own."""

from __future__ import annotations

import json
import socketserver
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread


@contextmanager
def web_server(status: int = 200) -> Iterator[tuple[int, list[dict]]]:
    """Its port, and the JSON documents posted to it, which it answers by ``status``."""
    posted: list[dict] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            posted.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: it is a test's."""

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as port:
        yield port, posted


@contextmanager
def endless_server() -> Iterator[int]:
    """Port of a web server whose answer goes on, byte by byte, until the test ends."""
    over = Event()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            while not over.wait(0.05):
                self.wfile.write(b"H")
                self.wfile.flush()

    with serving(ThreadingHTTPServer(("127.0.0.1", 0), Receiver)) as port:
        yield port
        over.set()


@contextmanager
def mail_server() -> Iterator[tuple[int, list[EmailMessage]]]:
    """Its port, and the mails given to it. Knows as much of SMTP as a client needs to hand one over."""
    mails: list[EmailMessage] = []

    class Receiver(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            for line in self.rfile:
                command = line.strip().upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    mails.append(message_from_bytes(b"".join(lines), policy=policy.default))
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")

    with serving(socketserver.ThreadingTCPServer(("127.0.0.1", 0), Receiver)) as port:
        yield port, mails


@contextmanager
def serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
