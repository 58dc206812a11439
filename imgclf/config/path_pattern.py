"""Regular expressions that find what a file's path says, such as whose picture it is.

They are RE2's, whose time grows with the length of the path alone. An expression comes with a
model's file as well, and those of Python's `re` can take longer than anybody waits for.
"""

from __future__ import annotations

from pathlib import PurePath

LONGEST = 1000


class PathPattern:
    """A regular expression that is looked for in paths.

    Args:
        text: In RE2's syntax, which is Python's without looking around and back
            (https://github.com/google/re2/wiki/Syntax).

    Raises:
        ValueError: It is none, or longer than `LONGEST`; the text says why.
    """

    def __init__(self, text: str) -> None:
        import re2  # for nobody else

        if len(text) > LONGEST:
            raise ValueError(f"it has more than {LONGEST} letters")
        options = re2.Options()
        options.log_errors = False  # to standard error
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            reason = error.args[0]
            raise ValueError(
                reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
            ) from error
        except UnicodeEncodeError:
            raise ValueError("it has letters that are no text") from None

    def found_in(self, path: PurePath) -> str | None:
        """What its first group matches, or all of it; None if it isn't there."""
        # Names that are no text are looked at as Python shows them.
        text = path.as_posix().encode("utf-8", "backslashreplace").decode()
        match = self._compiled.search(text)
        if match is None:
            return None
        inner = match[1] if self._compiled.groups else None
        found: str = match[0] if inner is None else inner
        return found
