from __future__ import annotations

import os

from stack.secrets import load_secrets, write_private


def test_secrets_are_made_once(tmp_path):
    assert load_secrets(tmp_path) == load_secrets(tmp_path)


def test_two_stacks_have_different_secrets(tmp_path):
    assert load_secrets(tmp_path / "one") != load_secrets(tmp_path / "other")


def test_only_the_owner_may_read_them_whatever_the_umask(tmp_path):
    before = os.umask(0)
    try:
        write_private(tmp_path / "secret", "x")
    finally:
        os.umask(before)
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
