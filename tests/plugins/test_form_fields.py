"""Times in the form that starts a run."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from airflow.sdk.exceptions import ParamValidationError
from form_fields import day, day_field, instant, instant_field


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-02T03:04:05Z", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.600+00:00", datetime(2026, 1, 2, 3, 4, 5, 600000, tzinfo=UTC)),
        ("2026-01-02T03:04+01:00", datetime(2026, 1, 2, 2, 4, tzinfo=UTC)),
        ("2026-01-02T03:04", datetime(2026, 1, 2, 3, 4, tzinfo=UTC)),
        ("2026-01-02", datetime(2026, 1, 2, tzinfo=UTC)),
    ],
)
def test_an_instant_is_iso_8601_and_utc_where_it_names_no_offset(text, expected):
    assert instant_field("At").resolve(text) == text
    assert instant(text) == expected
    assert instant(text).utcoffset() is not None


@pytest.mark.parametrize("text", ["03:04", "now", "yesterday", "2026-13", "1.2.2026", ""])
def test_anything_else_is_refused_by_the_form(text):
    with pytest.raises(ParamValidationError):
        instant_field("At").resolve(text)


def test_a_day_is_a_date():
    assert day_field("On").resolve("2026-01-02") == "2026-01-02"
    assert day("2026-01-02") == date(2026, 1, 2)


def test_a_day_that_does_not_exist_is_refused_by_the_form():
    with pytest.raises(ParamValidationError):
        day_field("On").resolve("2026-02-30")


@pytest.mark.parametrize("read", [instant, day])
def test_an_empty_field_is_none(read):
    assert read(None) is None


def test_fields_are_empty_at_first():
    assert instant_field("At").resolve() is None
    assert day_field("On").resolve() is None
