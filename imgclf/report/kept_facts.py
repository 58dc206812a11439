"""What the report of a training tells, kept in the run's folder so that it can be made again.

Reading it takes neither TensorFlow nor the data set.
"""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import msgspec
from msgspec import Struct

from imgclf.errors import UsageError, first_line
from imgclf.report.run_facts import RunFacts
from imgclf.runs.folder import RunFolder
from imgclf.system.files import atomic_write_bytes

FORMAT_VERSION = 1
# What msgpack can hold; nothing that is larger was written here.
_MOST_BYTES = 1 << 32


class _Kept(Struct, frozen=True):
    """The file, as it is in all versions.

    Attributes:
        sha256: Of the facts, for a bit that has turned over in a number is no error to the schema.
        facts: A `RunFacts` as msgpack.
    """

    format_version: int
    sha256: bytes
    facts: bytes


def keep_facts(facts: RunFacts, run: RunFolder) -> None:
    """Writes what a report can be made of again.

    Raises:
        WriteError: It can't be written.
    """
    content = msgspec.msgpack.encode(facts)
    kept = _Kept(FORMAT_VERSION, hashlib.sha256(content).digest(), content)
    atomic_write_bytes(run.report_facts, msgspec.msgpack.encode(kept))


def read_facts(run: RunFolder) -> RunFacts:
    """Reads what `keep_facts` wrote.

    Raises:
        UsageError: There is nothing, or it is damaged or of a newer version.
    """
    path = run.report_facts
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise UsageError(f"{path} is no regular file")
        if status.st_size > _MOST_BYTES:
            raise UsageError(f"{path} is damaged: it has {status.st_size} bytes")
        content = path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"nothing is kept in {run.path} to make a report of: it was trained by an earlier "
            "version of imgclf, or its report failed",
            _train_anew(run),
        ) from None
    except OSError as error:
        raise UsageError(f"{path} can't be read: {error.strerror}") from error
    try:
        return _decoded(path, content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{path} is damaged: {first_line(error)}", _train_anew(run)) from error


def _decoded(path: Path, content: bytes) -> RunFacts:
    kept = msgspec.msgpack.decode(content, type=_Kept)
    if kept.format_version > FORMAT_VERSION:
        raise UsageError(
            f"{path} was written by a newer imgclf (format {kept.format_version}; this one reads "
            f"up to {FORMAT_VERSION})",
            "pip install --upgrade imgclf",
        )
    if hashlib.sha256(kept.facts).digest() != kept.sha256:
        raise msgspec.DecodeError("it is not what was written")
    return msgspec.msgpack.decode(kept.facts, type=RunFacts)


def _train_anew(run: RunFolder) -> str:
    record = run.read()
    command = record.command if record is not None and record.command else "imgclf train CONFIG"
    return f"to train it anew: {command} --fresh"
