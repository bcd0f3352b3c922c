import hashlib
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ml.errors import FileRefused
from ml.ingestion.byte_check import MAX_RECORD, CheckedBytes, sha256_of


def read(content: bytes) -> bytes:
    stream = CheckedBytes(io.BytesIO(content), "x.csv")
    return b"".join(iter(stream.read, b""))


def refusal(content: bytes) -> FileRefused:
    with pytest.raises(FileRefused) as caught:
        read(content)
    return caught.value


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8", exclude_characters="\0\\"), max_size=200))
def test_text_comes_through_byte_for_byte(text):
    assert read(text.encode()) == text.encode().removeprefix(b"\xef\xbb\xbf")


def test_a_byte_order_mark_is_left_out_but_counts_for_the_checksum_and_for_offsets():
    content = b"\xef\xbb\xbfa,b\n1,2\n"
    stream = CheckedBytes(io.BytesIO(content), "x.csv")
    assert stream.header() == "a,b"
    assert b"".join(iter(stream.read, b"")) == b"a,b\n1,2\n"
    assert stream.sha256 == hashlib.sha256(content).hexdigest()
    assert refusal(b"\xef\xbb\xbfa\xe9\n").byte == 4


def test_the_checksum_of_a_file_leaves_it_at_its_beginning(tmp_path):
    path = tmp_path / "x"
    path.write_bytes(b"abc")
    with path.open("rb") as file:
        assert sha256_of(file) == hashlib.sha256(b"abc").hexdigest()
        assert file.read() == b"abc"


@pytest.mark.parametrize("before", [0, 10, MAX_RECORD - 1, MAX_RECORD, 2 * MAX_RECORD + 5])
def test_the_first_byte_that_is_no_utf8_is_named_by_its_offset_in_the_file(before):
    text = (b"a" * 99 + b"\n") * (before // 100 + 1)
    error = refusal(text[:before] + b"\xe9" + b"lan\n")
    assert (error.byte, error.line) == (before, None)
    assert "0xE9 is not UTF-8 (is the file Latin-1?)" in error.reason


def test_a_character_cut_in_two_by_the_end_of_a_block_is_whole_and_one_cut_by_the_end_of_the_file_is_not():
    text = (b"a" * 99 + b"\n") * (MAX_RECORD // 100 + 1)
    whole = text[: MAX_RECORD - 1] + "é\n".encode()
    assert read(whole) == whole
    assert refusal(b"ab\n\xc3").byte == 3


def test_utf16_is_recognised_by_its_first_bytes():
    assert "UTF-16" in refusal("a,b\n".encode("utf-16")).reason


def test_nul_is_named_by_its_offset():
    assert refusal(b"a,b\n1,\x002\n").byte == 6


def test_a_line_that_ends_the_data_for_postgres_is_refused_wherever_a_block_ends():
    for before in (0, MAX_RECORD - 5, MAX_RECORD - 4, MAX_RECORD - 3, MAX_RECORD - 2, MAX_RECORD - 1):
        text = b"h\n" + b"a\n" * (before // 2)
        error = refusal(text + b"\\.\nrest\n")
        assert error.line == text.count(b"\n") + 1
    assert refusal(b"h\n\\.").line == 2
    assert read(b"h\n\\.x\n\\\n.\n") == b"h\n\\.x\n\\\n.\n"


def test_a_record_may_have_a_mebibyte_and_no_more_and_is_named_by_its_line():
    fits = b"h\nx\n" + b"a" * MAX_RECORD + b"\nx\n"
    assert read(fits) == fits
    assert refusal(b"h\nx\n" + b"a" * (MAX_RECORD + 1) + b"\nx\n").line == 3


def test_line_breaks_inside_quotes_do_not_end_a_record():
    quoted = b'h\nx\n"' + b"a\n" * 1000 + b'"\n'
    assert read(quoted) == quoted
    assert refusal(b'h\nx\n"never closed\n' + b"a\n" * MAX_RECORD).line == 3


def test_records_between_long_ones_are_no_trouble():
    text = b"".join(b"a" * n + b"\n" for n in (MAX_RECORD, 5, MAX_RECORD, MAX_RECORD - 1, 0, 7))
    assert read(text) == text


def test_the_header_ends_with_the_first_line_break_outside_quotes():
    stream = CheckedBytes(io.BytesIO(b'"a\nb",c\r\n1,2\r\n'), "x.csv")
    assert stream.header() == '"a\nb",c'
