"""Requests that come in together are one run of the model."""

import asyncio

import pytest

from ml.payload import Parsed
from serving.together import Together


def row(number: float) -> Parsed:
    return Parsed({"x": number})


class Model:
    """Gives each row its own number back; keeps the sizes of its runs."""

    def __init__(self):
        self.runs = []

    def __call__(self, rows):
        self.runs.append(len(rows))
        numbers = [r.values["x"] for r in rows]
        if any(n < 0 for n in numbers):
            raise ValueError("below zero")
        return numbers


async def ask(together: Together, numbers: list[float]) -> list[object]:
    return await asyncio.gather(*(together.probability(row(n)) for n in numbers), return_exceptions=True)


def test_rows_of_one_turn_are_one_run_and_each_gets_its_own():
    model = Model()
    assert asyncio.run(ask(Together(model), [0.1, 0.2, 0.3])) == [0.1, 0.2, 0.3]
    assert model.runs == [3]


def test_later_rows_are_another_run():
    async def twice():
        together = Together(model)
        return [await ask(together, [0.1]), await ask(together, [0.2, 0.3])]

    model = Model()
    assert asyncio.run(twice()) == [[0.1], [0.2, 0.3]]
    assert model.runs == [1, 2]


def test_a_row_that_cannot_be_predicted_spoils_no_other():
    first, second, third = asyncio.run(ask(Together(Model()), [0.1, -1, 0.3]))
    assert (first, third) == (0.1, 0.3)
    with pytest.raises(ValueError, match="below zero"):
        raise second


def test_a_request_that_gave_up_leaves_the_others_their_answers():
    async def one_gives_up():
        together = Together(Model())
        gone = asyncio.create_task(together.probability(row(-1)))
        stays = asyncio.create_task(together.probability(row(0.2)))
        asyncio.get_running_loop().call_soon(gone.cancel)
        return await asyncio.gather(gone, stays, return_exceptions=True)

    gone, stays = asyncio.run(one_gives_up())
    assert stays == 0.2
    assert isinstance(gone, asyncio.CancelledError | ValueError)
