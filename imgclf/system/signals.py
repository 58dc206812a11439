"""SIGTERM and Ctrl-C: while a training steps they are a wish, everywhere else an exception.

That is so for the command line, which takes them over. In somebody else's program signals are
theirs: no handler is installed, and Ctrl-C is Python's `KeyboardInterrupt` at any moment.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

from imgclf.errors import ImgclfError, Interrupted, Terminated
from imgclf.system import console


class TerminateSignal(KeyboardInterrupt):
    """SIGTERM; what cleans up after Ctrl-C cleans up after it, too."""


_raised: list[int] = []
_taken_over = False


def take_over() -> None:
    """From now on signals are imgclf's to hear in this process."""
    global _taken_over
    _taken_over = True


def raise_at_signals() -> None:
    """Takes signals over: SIGTERM is an exception, as Ctrl-C is, both noted for `raise_again`.

    So nothing half-written is left behind. Ctrl-C stays ignored where the process was started so.
    """
    take_over()

    def raise_it(number: int, frame: FrameType | None) -> None:
        _raised.append(number)
        raise _exception(number)

    signal.signal(signal.SIGTERM, raise_it)
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, raise_it)


def raise_again() -> None:
    """Raises what was raised before and got lost: a library that loads may swallow anything.

    Raises:
        KeyboardInterrupt: See `StopRequest.obey`.
    """
    if _raised:
        raise _exception(_raised[-1])


def ended_by(error: KeyboardInterrupt, message: str = "", hint: str | None = None) -> ImgclfError:
    """The error with the exit status that the signal stands for.

    Args:
        error: What was raised.
        message: What is said after "interrupted" or "terminated".
        hint: What to type next.
    """
    if isinstance(error, TerminateSignal):
        return Terminated(f"terminated{message}", hint)
    return Interrupted(f"interrupted{message}", hint)


@contextmanager
def end_explained(message: str, hint: str) -> Iterator[None]:
    """Inside, a signal that ends the work is an error that says how to go on.

    Args:
        message: As of `ended_by`.
        hint: Likewise.

    Raises:
        Interrupted: Ctrl-C, if signals were taken over.
        Terminated: SIGTERM, likewise.
        KeyboardInterrupt: As it came, if they weren't.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        if not _taken_over:
            raise
        raise ended_by(error, message, hint) from None


class StopRequest:
    """Whether somebody has asked the process to end.

    Args:
        says_so: Note that the first signal was heard.

    Attributes:
        signal: SIGINT or SIGTERM; None until then.
    """

    def __init__(self, *, says_so: bool = True) -> None:
        self.signal: int | None = None
        self._says_so = says_so

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, the first signal is only noted; the second one is an exception.

        A signal that the process was started to ignore (by nohup, say) stays ignored.
        """
        if not _taken_over or threading.current_thread() is not threading.main_thread():
            yield  # signals are not ours, or Python hands them to the main thread only
            return

        def hear(number: int, frame: FrameType | None) -> None:
            if self.signal is not None:
                raise _exception(number)
            self.signal = number
            if not self._says_so:
                return
            with suppress(RuntimeError):  # it came while a line was being written
                console.note("stopping after this step; once more, and it ends at once")

        before = {
            number: signal.signal(number, hear)
            for number in (signal.SIGINT, signal.SIGTERM)
            if signal.getsignal(number) is not signal.SIG_IGN
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def obey(self) -> None:
        """Raises what the signal stands for, if there was one.

        Raises:
            KeyboardInterrupt: Ctrl-C; `TerminateSignal`, which is one, for SIGTERM.
        """
        if self.signal is not None:
            raise _exception(self.signal)


def _exception(number: int) -> KeyboardInterrupt:
    return TerminateSignal() if number == signal.SIGTERM else KeyboardInterrupt()
