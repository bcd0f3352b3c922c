"""Which names the service answers to: a page of another site must not reach it by a name of its own (DNS rebinding)."""

from __future__ import annotations

from collections.abc import Sequence

from serving.refusal import Refusal

_LOOPBACK = ("localhost", "127.0.0.1", "[::1]")


class AllowedHosts:
    """Loopback names, the address a request came in on, and the names given, in any spelling of case."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = {*_LOOPBACK, *(name.lower() for name in names)}

    def refusal(self, host: Sequence[bytes], forwarded: Sequence[bytes], own: str) -> Refusal | None:
        """Why the values of ``Host`` and ``X-Forwarded-Host`` do not do; ``None`` where they do.

        ``own`` is the address of the socket. A proxy may pass on the name it was asked by, if it is allowed too.
        """
        if len(host) != 1 or not self._allows(host[0], own):
            return Refusal(400, "The Host header must name this service, once. SERVING_ALLOWED_HOSTS adds names.")
        if forwarded and (len(forwarded) != 1 or not self._allows(forwarded[0], own)):
            return Refusal(400, "X-Forwarded-Host must name this service, once. SERVING_ALLOWED_HOSTS adds names.")
        return None

    def _allows(self, value: bytes, own: str) -> bool:
        name = value.decode("latin-1").lower()
        if not name.endswith("]"):  # an IPv6 address without a port
            before, colon, port = name.rpartition(":")
            if colon:
                if not port.isdecimal():
                    return False
                name = before
        return name in self._names or name in (own, f"[{own}]")
