"""How long task runs and traffic are kept."""

import datetime as dt
from uuid import uuid4

from ml.retention import forget_old
from ml.store import connect
from ml.task_runs import TaskRun, record
from ml.traffic import LATENCY_LIMITS

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
AGES = (0, 399, 400, 401)


def test_rows_older_than_400_days_go_and_all_others_stay(settings):
    for age in AGES:
        run_after = NOW - dt.timedelta(days=age)
        record(settings, TaskRun("u", "u_d", f"r{age}", "t", -1, 1, "success", None, run_after, None, None))
        add_traffic(settings, run_after)
    assert forget_old(settings, NOW) == {"task_runs": 1, "serving_traffic": 1}
    assert forget_old(settings, NOW) == {"task_runs": 0, "serving_traffic": 0}
    kept = [NOW - dt.timedelta(days=age) for age in (400, 399, 0)]
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        for table, time in (("task_runs", "run_after"), ("serving_traffic", "hour")):
            cursor.execute(f"SELECT {time} FROM ml.{table} ORDER BY 1")
            assert [moment for (moment,) in cursor.fetchall()] == kept


def add_traffic(settings, hour):
    with connect(settings.database_url) as connection, connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO ml.serving_traffic VALUES (%s, %s, 'u', '1', 'predict', 1, 0, 0, %s)",
            (hour, str(uuid4()), [0] * (len(LATENCY_LIMITS) + 1)),
        )
