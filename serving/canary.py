"""Asks the challenger for an answer that a client waits for."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from serving.model import Model, Prediction


class Canary:
    """Predicts in a thread of its own, so that a slow challenger does not hold up those whom production answers."""

    def __init__(self, patience_seconds: float) -> None:
        self._patience = patience_seconds
        self._thread = ThreadPoolExecutor(1, "canary")
        self._late: Future[Prediction] | None = None

    async def predict(self, model: Model, payload: Mapping[str, object]) -> Prediction:
        """The challenger's prediction. Passes on what it raises.

        Raises ``TimeoutError`` where it takes longer than the patience, and, until that one is done, at once.
        """
        if self._late and not self._late.done():
            raise TimeoutError
        asked = asyncio.get_running_loop().run_in_executor(self._thread, model.predict, payload)
        asked.add_done_callback(_seen)
        done, _ = await asyncio.wait([asked], timeout=self._patience)
        if not done:
            self._late = asked
            raise TimeoutError
        return asked.result()

    def close(self) -> None:
        """Take no more; what waits is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)


def _seen(asked: Future[Prediction]) -> None:
    """An error of a prediction that nobody waits for any more is no error."""
    if not asked.cancelled():
        asked.exception()
