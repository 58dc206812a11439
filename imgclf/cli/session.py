"""What the commands share: options before the command, the model they are about, JSON."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path

from imgclf.errors import UsageError, suggestion
from imgclf.spelling import as_lines


class Session:
    """Options that stand before the command."""

    directory: Path | None = None
    debug = False


def as_typed_here(text: str) -> str:
    """What to type next, as it is right in the shell in which `-C DIR` was typed."""
    if Session.directory is None:
        return text
    import re  # which a command without -C can do without

    program = f"imgclf -C {shlex.quote(str(Session.directory))} "
    return re.sub(r"\bimgclf (?=[a-z]+\b)", lambda _: program, text)


def show(result: str) -> None:
    """Prints a result for people: on one line, whatever names it holds, unless it is `Lines`."""
    print(as_lines(result))


def tensorboard_command(folder: Path) -> str:
    """What to type to see TensorBoard's files below a folder, from where `-C DIR` was typed."""
    return f"tensorboard --logdir {shlex.quote(str((Session.directory or Path()) / folder))}"


def chosen_model(given: Path | None) -> Path:
    """The model that the command is about: as given, of `$IMGCLF_MODEL`, or the only one.

    Raises:
        ModelFileError: There is none, or several.
    """
    from imgclf.model_file.lookup import find_model

    return find_model(given, os.environ.get("IMGCLF_MODEL"))


def retrain_command(corrections: str, model: Path) -> str:
    """What to type to correct this very model."""
    return f"imgclf retrain {corrections} --model {shlex.quote(str(model))}"


def refuse_unknown(option: str, received: str, allowed: Sequence[str]) -> None:
    """Makes sure that an option's value is one of those allowed.

    Raises:
        UsageError: It is not; with the nearest.
    """
    if received not in allowed:
        raise UsageError(
            f"{option} {received}: allowed are {', '.join(allowed)}{suggestion(received, allowed)}"
        )


def as_json_text(result: object) -> str:
    """A result as indented JSON, which is JSON in whatever encoding it is printed."""
    import msgspec

    try:
        text = msgspec.json.format(msgspec.json.encode(result)).decode()
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a name that is no text, or letters that the terminal lacks
        import json

        return json.dumps(msgspec.to_builtins(result), indent=2)
    return text
