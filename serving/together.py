"""One run of the model for all requests that came in together: a run costs many times what a row costs."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Sequence

from ml.payload import Parsed

Probabilities = Callable[[Sequence[Parsed]], list[float]]


class Together:
    """Gathers rows until the event loop's next turn, and then predicts them in one run."""

    def __init__(self, probabilities: Probabilities) -> None:
        self._probabilities = probabilities
        self._waiting: list[tuple[Parsed, Future[float]]] = []

    async def probability(self, row: Parsed) -> float:
        """The probability of one row. Raises what its run raises for this row alone."""
        loop = asyncio.get_running_loop()
        answer: Future[float] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._run)
        self._waiting.append((row, answer))
        return await answer

    def _run(self) -> None:
        waiting, self._waiting = self._waiting, []
        try:
            found = self._probabilities([row for row, _ in waiting])
        except Exception:  # whatever a model makes of some row
            self._one_by_one(waiting)
            return
        for (_, answer), probability in zip(waiting, found, strict=True):
            if not answer.done():  # its request may have run out of time
                answer.set_result(probability)

    def _one_by_one(self, waiting: Sequence[tuple[Parsed, Future[float]]]) -> None:
        """One row that cannot be predicted spoils no other's answer."""
        for row, answer in waiting:
            if answer.done():
                continue
            try:
                answer.set_result(self._probabilities([row])[0])
            except Exception as error:
                answer.set_exception(error)
