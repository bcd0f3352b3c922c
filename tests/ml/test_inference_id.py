import datetime as dt
import time
from uuid import UUID

import pytest

from ml.inference_id import batch_id, month_bounds, month_start, new_id, shadow_id

DAY = dt.datetime(2024, 1, 31, 23, 59, 59, 999_000, tzinfo=dt.UTC)


def test_a_new_id_is_a_version_7_uuid_of_this_moment():
    before = time.time_ns() // 1_000_000
    made = new_id()
    after = time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert before <= made.int >> 80 <= after


def test_new_ids_differ():
    assert len({new_id() for _ in range(10_000)}) == 10_000


def test_a_batch_id_has_the_logical_date_as_its_prefix():
    made = batch_id("churn", "3", "abc", DAY)
    assert made.version == 7
    assert made.int >> 80 == 1706745599999


def test_a_batch_id_is_the_same_in_every_process_and_zone():
    assert batch_id("churn", "3", "abc", DAY) == UUID("018d61f7-17ff-775a-b035-ab6aa95a7b31")
    elsewhere = DAY.astimezone(dt.timezone(dt.timedelta(hours=9)))
    assert batch_id("churn", "3", "abc", elsewhere) == batch_id("churn", "3", "abc", DAY)


def test_each_part_of_a_batch_id_counts_and_parts_do_not_run_together():
    ids = {
        batch_id("churn", "3", "abc", DAY),
        batch_id("churn2", "3", "abc", DAY),
        batch_id("churn", "23", "abc", DAY),
        batch_id("churn", "3", "abd", DAY),
        batch_id("churn", "3a", "bc", DAY),
        batch_id("churn", "3", "abc", DAY + dt.timedelta(milliseconds=1)),
    }
    assert len(ids) == 6


def test_the_bounds_of_a_month_hold_its_first_and_last_millisecond_and_no_other():
    low, high = month_bounds(DAY)
    first = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
    assert low <= batch_id("churn", "3", "abc", first) < high
    assert low <= batch_id("churn", "3", "abc", DAY) < high
    assert batch_id("churn", "3", "abc", first - dt.timedelta(milliseconds=1)) < low
    assert batch_id("churn", "3", "abc", DAY + dt.timedelta(milliseconds=1)) >= high


def test_the_month_is_that_of_utc():
    moment = dt.datetime(2024, 2, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=1)))
    assert month_start(moment) == dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


def test_december_is_followed_by_january():
    low, high = month_bounds(dt.datetime(2023, 12, 5, tzinfo=dt.UTC))
    assert (low, high) == (month_bounds(DAY - dt.timedelta(days=40))[0], month_bounds(DAY)[0])


@pytest.mark.parametrize("call", [lambda d: batch_id("c", "1", "k", d), month_bounds])
def test_a_date_without_a_zone_is_refused(call):
    with pytest.raises(ValueError, match="no time zone"):
        call(dt.datetime(2024, 1, 1))


def test_a_shadow_has_an_id_of_its_own_of_the_same_moment():
    answered = new_id()
    shadow = shadow_id(answered, "m/2")
    assert shadow == shadow_id(answered, "m/2")
    assert len({answered, shadow, shadow_id(answered, "m/3"), shadow_id(new_id(), "m/2")}) == 4
    assert shadow.version == 7
    assert shadow.int >> 80 == answered.int >> 80
