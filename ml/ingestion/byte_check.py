"""A file's bytes on their way into COPY: checked, counted and hashed in one pass of bounded memory."""

from __future__ import annotations

import codecs
import hashlib
import re
from io import BufferedReader
from pathlib import Path

from ml.errors import FileRefused

MAX_RECORD = 1 << 20
"""Longest record in bytes, line breaks inside quotes included; also the size of the blocks read."""
_END_MARK = re.compile(rb"\n\\\.[\r\n]")


def sha256_of(file: BufferedReader) -> str:
    """Checksum of an open file, which is left at its beginning."""
    file.seek(0)
    checksum = hashlib.file_digest(file, "sha256").hexdigest()
    file.seek(0)
    return checksum


def checksum_of(path: Path) -> str:
    """The same of a file by its path. Raises ``OSError``."""
    with path.open("rb") as file:
        return sha256_of(file)


class CheckedBytes:
    """Reads a UTF-8 file; a byte-order mark is left out.

    Raises :class:`FileRefused`, with the offset of the byte (the first is 0) or the line (the first is 1),
    for bytes that are no UTF-8, for NUL, for a record longer than ``MAX_RECORD`` and for a line that
    COPY would take for the end of the data. ``refusal`` keeps it, since a driver that reads through
    this object replaces the error by its own.
    """

    def __init__(self, file: BufferedReader, name: str) -> None:
        self._file, self._name = file, name
        self._sha256 = hashlib.sha256()
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._offset = 0  # of the block in the file
        self._lines = 0  # line breaks before the block
        self._open_quote = False  # whether the block begins inside quotes
        self._open_bytes, self._open_line = 0, 1  # the record that the block begins in
        self._tail = b""
        self.refusal: FileRefused | None = None
        self._ahead = self._next().removeprefix(codecs.BOM_UTF8)

    @property
    def sha256(self) -> str:
        """Checksum of what was read so far."""
        return self._sha256.hexdigest()

    @property
    def inside_quotes(self) -> bool:
        """Whether what was read so far ends within a quote."""
        return self._open_quote

    def header(self) -> str:
        """The first record, without its line break; empty for an empty file. To be asked before reading."""
        end = _first_record_end(self._ahead, False)
        return self._ahead[: len(self._ahead) if end is None else end].decode().removesuffix("\r")

    def read(self, _size: int = -1) -> bytes:
        """The next block, of at most ``MAX_RECORD`` bytes whatever size is asked for; empty at the end."""
        block, self._ahead = self._ahead, b""
        return block or self._next()

    def _next(self) -> bytes:
        block = self._file.read(MAX_RECORD)
        self._sha256.update(block)
        try:
            self._check_characters(block)
            self._check_end_mark(block or b"\n")
            self._check_records(block)
        except FileRefused as refusal:
            self.refusal = refusal
            raise
        self._offset += len(block)
        self._lines += block.count(b"\n")
        return block

    def _check_characters(self, block: bytes) -> None:
        pending = len(self._decoder.getstate()[0])
        try:
            self._decoder.decode(block, final=not block)
        except UnicodeDecodeError as error:
            byte = self._offset - pending + error.start
            hint = "UTF-16" if byte == 0 and error.object[:2] in (b"\xff\xfe", b"\xfe\xff") else "Latin-1"
            value = f"0x{error.object[error.start]:02X}"
            reason = f"{value} is not UTF-8 (is the file {hint}?); save it as UTF-8"
            raise FileRefused(self._name, reason, byte=byte) from error
        nul = block.find(b"\0")
        if nul >= 0:
            raise FileRefused(self._name, "a NUL byte, which no text holds", byte=self._offset + nul)

    def _check_end_mark(self, block: bytes) -> None:
        window = self._tail + block
        found = _END_MARK.search(window) if b"\n\\." in window else None
        if found:
            line = self._lines - self._tail.count(b"\n") + window.count(b"\n", 0, found.start() + 1) + 1
            raise FileRefused(self._name, r"the line is `\.`, which Postgres takes for the end of the data", line=line)
        self._tail = window[-3:]

    def _check_records(self, block: bytes) -> None:
        first = _first_record_end(block, self._open_quote)
        self._open_quote ^= block.count(b'"') % 2 == 1
        longest = self._open_bytes + (len(block) if first is None else first)
        if longest > MAX_RECORD:
            reason = f"a record of more than {MAX_RECORD:,} bytes begins here; is a quote never closed?"
            raise FileRefused(self._name, reason, line=self._open_line)
        if first is None:
            self._open_bytes = longest
            return
        last = _last_record_end(block, self._open_quote)
        self._open_bytes = len(block) - last - 1
        self._open_line = self._lines + block.count(b"\n", 0, last + 1) + 1


def _first_record_end(block: bytes, inside_quotes: bool) -> int | None:
    """Position of the first line break outside quotes: one with an even number of quotes before it."""
    start = 0
    while (end := block.find(b"\n", start)) >= 0:
        inside_quotes ^= block.count(b'"', start, end) % 2 == 1
        if not inside_quotes:
            return end
        start = end + 1
    return None


def _last_record_end(block: bytes, inside_quotes: bool) -> int:
    """Position of the last line break outside quotes, found from the block's end; there must be one."""
    stop = len(block)
    while True:
        end = block.rindex(b"\n", 0, stop)
        inside_quotes ^= block.count(b'"', end, stop) % 2 == 1
        if not inside_quotes:
            return end
        stop = end
