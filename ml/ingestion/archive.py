"""Fetches the published archive of a data set and takes the one pinned file out of it."""

from __future__ import annotations

import hashlib
import logging
import lzma
import shutil
import time
import zipfile
import zlib
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx

from ml.contract import SourceArchive
from ml.errors import ArchiveUnusable
from ml.publish import publishing

log = logging.getLogger(__name__)

_MIB = 1024 * 1024
MAX_DOWNLOAD = 200 * _MIB
MAX_MEMBER = 1024 * _MIB
"""Of each file taken out of an archive: a bomb ends here, whatever size it claims to have."""
DEADLINE_SECONDS = 30.0
"""For the whole download, however steadily it drips."""
_TIMEOUT = httpx.Timeout(10.0, connect=5.0)
_LOG_EVERY_SECONDS = 5.0


def fetch(archive: SourceArchive, target: Path, scratch: Path) -> None:
    """Put the archive's file at ``target``, where it appears only when its checksum is right.

    Names inside the archive are never used as paths. Raises :class:`ArchiveUnusable` where the server does not
    answer in time, sends too much, or the file is not there or not the pinned one. The pinned checksum, not the
    connection, vouches for the content.
    """
    with TemporaryDirectory(dir=scratch, prefix="download-") as folder:
        try:
            path = Path(folder) / "archive"
            _download(archive.url, path)
            for depth, member in enumerate(archive.member):
                path = _extract(path, member, Path(folder) / f"member-{depth}")
            _publish(path, target, archive.sha256)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise ArchiveUnusable(archive.url, f"{type(error).__name__}: {error}") from error
        except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, RuntimeError, ValueError) as error:
            raise ArchiveUnusable(archive.url, str(error)) from error


def _download(url: str, path: Path) -> None:
    log.info("Downloading %s", url)
    # The bytes as sent: what a server compresses on the way could unpack to any size.
    asked = httpx.stream("GET", url, headers={"Accept-Encoding": "identity"}, follow_redirects=True, timeout=_TIMEOUT)
    with asked as response, path.open("xb") as stream:
        response.raise_for_status()
        start = logged = time.monotonic()
        for chunk in response.iter_raw():
            now = time.monotonic()
            if now - start > DEADLINE_SECONDS:
                raise ValueError(f"not complete after {DEADLINE_SECONDS:.0f} s")
            if stream.tell() + len(chunk) > MAX_DOWNLOAD:
                raise ValueError(f"larger than {MAX_DOWNLOAD // _MIB} MiB")
            stream.write(chunk)
            if now - logged > _LOG_EVERY_SECONDS:
                log.info("%.1f MiB of %s", stream.tell() / _MIB, response.headers.get("content-length", "?"))
                logged = now


def _extract(archive: Path, member: str, target: Path) -> Path:
    with zipfile.ZipFile(archive) as opened:
        if member not in opened.namelist():
            raise ValueError(f"it holds no {member}")
        with opened.open(member) as source, target.open("xb") as stream:
            while chunk := source.read(_MIB):
                if stream.tell() + len(chunk) > MAX_MEMBER:
                    raise ValueError(f"{member} in it is larger than {MAX_MEMBER // _MIB} MiB")
                stream.write(chunk)
    return target


def _publish(path: Path, target: Path, sha256: str) -> None:
    with path.open("rb") as source:
        found = hashlib.file_digest(source, "sha256").hexdigest()
        if found != sha256:
            raise ValueError(f"the file in it has sha256 {found}, the contract pins {sha256}")
        source.seek(0)
        with publishing(target) as stream:
            shutil.copyfileobj(source, stream)
