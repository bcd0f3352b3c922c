import datetime as dt
import logging
from concurrent.futures import ThreadPoolExecutor

from ml.inference_id import batch_id
from ml.partitions import drop_old, ensure_partitions
from ml.store import connect

JUNE = dt.datetime(2024, 6, 15, tzinfo=dt.UTC)
INSERT = (
    "INSERT INTO ml.inference_logs (inference_id, use_case, model_name, model_version, run_id, input, prediction,"
    " probability, source) VALUES (%s, 'c', 'm', '1', 'r', '{}', 1, 0.5, 'batch')"
)


def add(url, moment, key):
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute(INSERT, (str(batch_id("c", "1", key, moment)),))


def where(url):
    """Partition → number of its rows, for partitions that have rows."""
    with connect(url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text, count(*) FROM ml.inference_logs GROUP BY 1")
        return dict(cursor.fetchall())


def test_a_month_and_the_next_get_partitions_and_repeating_makes_no_more(settings):
    assert ensure_partitions(settings, JUNE) == ["inference_logs_2024_06", "inference_logs_2024_07"]
    assert ensure_partitions(settings, JUNE) == []
    assert ensure_partitions(settings, JUNE + dt.timedelta(days=30)) == ["inference_logs_2024_08"]


def test_rows_of_the_month_that_lie_in_the_default_partition_move(settings, database_url):
    add(database_url, JUNE, "in june")
    add(database_url, JUNE - dt.timedelta(days=60), "in april")
    assert where(database_url) == {"ml.inference_logs_default": 2}
    ensure_partitions(settings, JUNE)
    assert where(database_url) == {"ml.inference_logs_default": 1, "ml.inference_logs_2024_06": 1}


def test_later_rows_of_the_month_go_to_its_partition(settings, database_url):
    ensure_partitions(settings, JUNE)
    add(database_url, dt.datetime(2024, 6, 30, 23, 59, 59, tzinfo=dt.UTC), "last")
    add(database_url, dt.datetime(2024, 7, 1, tzinfo=dt.UTC), "first")
    assert where(database_url) == {"ml.inference_logs_2024_06": 1, "ml.inference_logs_2024_07": 1}


def test_an_id_stays_unique_after_its_row_moved(settings, database_url):
    add(database_url, JUNE, "once")
    ensure_partitions(settings, JUNE)
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute(INSERT + " ON CONFLICT (inference_id) DO NOTHING", (str(batch_id("c", "1", "once", JUNE)),))
        assert cursor.rowcount == 0


def test_the_serving_role_writes_to_new_partitions(settings, serving_database_url, database_url):
    ensure_partitions(settings, JUNE)
    add(serving_database_url, JUNE, "online")
    assert where(database_url) == {"ml.inference_logs_2024_06": 1}


def test_many_at_once_while_rows_arrive_make_each_partition_once_and_lose_no_row(settings, database_url):
    def work(number):
        add(database_url, JUNE, f"row {number}")
        return ensure_partitions(settings, JUNE)

    with ThreadPoolExecutor(8) as pool:
        made = [name for names in pool.map(work, range(24)) for name in names]
    assert sorted(made) == ["inference_logs_2024_06", "inference_logs_2024_07"]
    assert where(database_url) == {"ml.inference_logs_2024_06": 24}


def test_a_long_query_on_the_log_is_not_waited_for_and_the_next_call_succeeds(settings, database_url, caplog):
    with connect(database_url) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ml.inference_logs")
        with caplog.at_level(logging.WARNING):
            assert ensure_partitions(settings, JUNE) == []
    assert "its rows stay in the default one" in caplog.text
    assert len(ensure_partitions(settings, JUNE)) == 2


def dated(settings, days):
    return settings.model_copy(update={"log_retention_days": days})


def months_from_april_to_june(settings, database_url):
    """A row in each, and one in March without a partition of its own."""
    for month in (4, 5, 6):
        ensure_partitions(settings, dt.datetime(2024, month, 1, tzinfo=dt.UTC))
    for month in (3, 4, 5, 6):
        add(database_url, dt.datetime(2024, month, 15, tzinfo=dt.UTC), f"month {month}")


def test_months_that_ended_before_the_retention_are_removed_and_no_other(settings, database_url):
    months_from_april_to_june(settings, database_url)
    assert drop_old(dated(settings, 30), JUNE) == ["inference_logs_2024_04"]
    assert where(database_url) == {"ml.inference_logs_2024_05": 1, "ml.inference_logs_2024_06": 1}
    assert drop_old(dated(settings, 30), JUNE) == []


def test_a_month_of_which_a_day_is_still_kept_stays_as_a_whole(settings, database_url):
    months_from_april_to_june(settings, database_url)
    assert drop_old(dated(settings, 46), JUNE) == []  # up to the 30th of April
    assert drop_old(dated(settings, 45), JUNE) == ["inference_logs_2024_04"]  # up to the 1st of May


def test_without_a_retention_nothing_is_removed(settings, database_url):
    months_from_april_to_june(settings, database_url)
    assert drop_old(settings, JUNE) == []
    assert sum(where(database_url).values()) == 4


def test_outcomes_go_with_their_predictions(settings, database_url):
    may, april = (dt.datetime(2024, month, 15, tzinfo=dt.UTC) for month in (5, 4))
    kept, gone = (str(batch_id("c", "1", "row", moment)) for moment in (may, april))
    with connect(database_url) as connection, connection.cursor() as cursor:
        for row in (kept, gone):
            cursor.execute("INSERT INTO ml.outcomes (inference_id, use_case, label, observed_at)"
                           " VALUES (%s, 'c', 1, now())", (row,))  # fmt: skip
    drop_old(dated(settings, 30), JUNE)
    with connect(database_url) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT inference_id::text FROM ml.outcomes")
        assert cursor.fetchall() == [(kept,)]


def test_a_long_query_on_the_log_keeps_nothing_half_removed(settings, database_url, caplog):
    months_from_april_to_june(settings, database_url)
    with connect(database_url) as reader, reader.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ml.inference_logs")
        with caplog.at_level(logging.WARNING):
            assert drop_old(dated(settings, 30), JUNE) == []
    assert "nothing of it is removed yet" in caplog.text
    assert sum(where(database_url).values()) == 4
