"""Keeping what C++ libraries print away from the user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO


@contextmanager
def quiet_stderr(*, even_if_it_fails: bool = False) -> Iterator[None]:
    """Holds back what is written straight to file descriptor 2.

    For moments at which a library prints whatever its log level (TensorFlow while it is
    imported, LiteRT when an interpreter is made). The descriptor belongs to the whole process,
    so keep the moment short.

    Args:
        even_if_it_fails: Otherwise, if the body raises, what was held back is printed after all,
            for it may say why. For errors that the caller knows what to make of.
    """
    held_back: IO[bytes]
    if even_if_it_fails:
        held_back = open(os.devnull, "w+b")  # noqa: SIM115, PTH123
    else:
        import tempfile  # 4 ms, which a prediction can do without

        held_back = tempfile.TemporaryFile()  # noqa: SIM115
    with held_back:
        saved = os.dup(2)
        os.dup2(held_back.fileno(), 2)
        try:
            yield
        except BaseException:
            if not even_if_it_fails:
                held_back.seek(0)
                os.write(saved, held_back.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)
