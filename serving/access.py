"""Who may ask: whoever has an API key; without keys, whoever is on this machine."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address

from serving.keys import ApiKeys
from serving.refusal import Refusal

_log = logging.getLogger(__name__)
_BEARER = b"bearer "
OPEN_PATHS = frozenset({"/health", "/ready"})
"""Answered to everyone, whatever the load."""
ANONYMOUS = "anonymous"
WHAT_TO_DO = (
    "Without API keys the service answers on loopback only. Make one with `python -m serving.keys new <name>`, "
    "put its line in a file and name that in SERVING_API_KEYS_FILE."
)
_UNKNOWN = Refusal(
    401,
    "Send your API key, once: `Authorization: Bearer <key>` or `X-API-Key: <key>`.",
    ((b"www-authenticate", b"Bearer"),),
)
_NOT_LOCAL = Refusal(403, "This service takes no requests from other machines.")


class Access:
    """Decides by the keys, or without them by the socket."""

    def __init__(self, keys: ApiKeys | None) -> None:
        self._keys = keys
        self._told = False

    def client(
        self, authorization: Sequence[bytes], api_key: Sequence[bytes], own: str, *, proxied: bool
    ) -> str | Refusal:
        """The name of the client, or why it gets nothing.

        Takes the values of both headers, and the address of the socket. Behind a proxy (``proxied``) a loopback
        socket says nothing of who asks.
        """
        if self._keys is None:
            if is_loopback(own) and not proxied:
                return ANONYMOUS
            if not self._told:
                self._told = True
                _log.error("a request from elsewhere was refused. %s", WHAT_TO_DO)
            return _NOT_LOCAL
        if len(authorization) + len(api_key) != 1:
            return _UNKNOWN
        key = api_key[0] if api_key else _bearer(authorization[0])
        return self._keys.name_of(key) or _UNKNOWN


def _bearer(value: bytes) -> bytes:
    return value[len(_BEARER) :].strip() if value[: len(_BEARER)].lower() == _BEARER else b""


@lru_cache(maxsize=256)
def is_loopback(host: str) -> bool:
    """Whether an address is reached from this machine only. A name, or a path of a socket, counts as not."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
