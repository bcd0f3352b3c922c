"""API keys: made once, kept as hashes, rotated without a restart."""

import hashlib
import subprocess
import sys

import pytest

from serving.keys import ApiKeys, line, new_key
from tests.conftest import REPOSITORY
from tests.serving.process import until


@pytest.fixture
def file(tmp_path):
    return tmp_path / "keys"


def replace(file, *lines):
    new = file.with_suffix(".new")
    new.write_text("\n".join(lines))
    new.replace(file)


def test_a_key_is_known_by_its_hash_and_has_the_name_of_its_line(file):
    ours, theirs = new_key(), new_key()
    replace(file, "# who may ask", "", line("ours", ours), line("theirs", theirs))
    keys = ApiKeys(file)
    assert keys.name_of(ours.encode()) == "ours"
    assert keys.name_of(theirs.encode()) == "theirs"
    assert ours not in file.read_text()
    for wrong in (b"", b"ours", ours.encode()[:-1], hashlib.sha256(ours.encode()).hexdigest().encode(), b"\xff\0"):
        assert keys.name_of(wrong) is None


def test_keys_are_rotated_without_a_restart(file):
    old, new = new_key(), new_key()
    replace(file, line("app", old))
    keys = ApiKeys(file)
    replace(file, line("app", old), line("app", new))
    until(lambda: keys.name_of(new.encode()) == "app", 5)
    assert keys.name_of(old.encode()) == "app"
    replace(file, line("app", new))
    until(lambda: keys.name_of(old.encode()) is None, 5)
    assert keys.name_of(new.encode()) == "app"


def test_without_its_file_no_key_is_taken_until_it_is_back(file, caplog):
    key = new_key()
    replace(file, line("app", key))
    keys = ApiKeys(file)
    content = file.read_text()
    file.unlink()
    until(lambda: keys.name_of(key.encode()) is None, 5)
    assert "the API keys cannot be read, so no key is taken" in caplog.text
    file.write_text(content)
    until(lambda: keys.name_of(key.encode()) == "app", 5)


def test_a_line_that_is_none_is_left_out_and_not_shown(file, caplog):
    key = new_key()
    replace(file, f"app:{key}", line("app", key))
    assert ApiKeys(file).name_of(key.encode()) == "app"
    assert f"line 1 of {file} is not <name>:<sha256 in hex>" in caplog.text
    assert key not in caplog.text


def test_a_file_without_keys_lets_nobody_in(file, caplog):
    replace(file, "# nobody yet")
    assert ApiKeys(file).name_of(b"") is None
    assert "holds no API key: every request is refused" in caplog.text


def test_the_command_makes_a_key_that_its_line_lets_in(file):
    command = [sys.executable, "-m", "serving.keys", "new", "web-shop"]
    said = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True).stdout.split("\n")
    file.write_text(said[3].strip())
    assert ApiKeys(file).name_of(said[1].strip().encode()) == "web-shop"


def test_a_name_cannot_break_its_line(file):
    command = [sys.executable, "-m", "serving.keys", "new", "a:b"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "'a:b' is no name" in done.stderr
