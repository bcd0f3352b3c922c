"""A connection that does not block the event loop."""

import asyncio

import pytest

from serving.async_postgres import connect


def with_connection(url, use):
    async def main():
        connection = await connect(url, "test-async")
        try:
            return await use(connection)
        finally:
            connection.close()

    return asyncio.run(asyncio.wait_for(main(), 20))


@pytest.mark.parametrize("size", [1, 10_000_000])
def test_a_statement_and_its_answer_may_be_of_any_size(serving_database_url, size):
    async def use(connection):
        return [(await connection.execute("SELECT %s", (text * size,))).fetchall() for text in "ab"]

    assert with_connection(serving_database_url, use) == [[("a" * size,)], [("b" * size,)]]


def test_what_postgres_cuts_is_closed_before_it_is_used_again(serving_database_url, postgres):
    async def use(connection):
        await connection.execute("SELECT 1")
        open_before = not connection.closed
        postgres.psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'test-async'")
        while not connection.closed:
            await asyncio.sleep(0.01)
        return open_before

    assert with_connection(serving_database_url, use)
