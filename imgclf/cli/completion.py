"""What may come next on the command line, for shells that ask while somebody types.

Typer speaks the shells' protocols. Some of it has no public name: the options that it would add
fail in words and with a status that are not ours, and bash would get names unquoted. What it asks
here is told from names of files and one small member of a model file, in milliseconds; whatever is
damaged or strange is just not offered.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import typer

from imgclf.errors import UsageError

_ASKED = "_IMGCLF_COMPLETE"
_SHELLS = ("bash", "zsh", "fish")

# Zsh evaluates what it is told, and bash looks for files by it, so a name that has anything else
# in it is left to be typed: it may be a stranger's.
_HARMLESS = "-_.,/+@ "


def asked() -> bool:
    """Whether it is a shell that has started this process."""
    return _ASKED in os.environ


def answer(app: Callable[[], object]) -> None:
    """Answers it, and ends the process; what goes wrong is silence, for somebody is typing."""
    from typer._click.shell_completion import add_completion_class
    from typer._completion_classes import BashComplete, completion_init

    class Bash(BashComplete):
        """Bash inserts a name as it is told; the others quote it."""

        def format_completion(self, item: Any) -> str:
            return str(item.value).replace(" ", "\\ ")

    completion_init()
    add_completion_class(Bash, "bash")
    with suppress(Exception):
        app()


def models(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the models in models/; paths are the shell's own business."""
    from imgclf.model_file.lookup import models_in
    from imgclf.work_folders import MODELS_DIRECTORY

    return _offered(ctx, incomplete, lambda: (path.stem for path in models_in(MODELS_DIRECTORY)))


def versions(ctx: typer.Context, incomplete: str) -> list[str]:
    """Numbers of the model's earlier versions, the newest first."""
    from imgclf.model_file.lookup import kept_files, versions_directory

    def numbers() -> Iterable[str]:
        return map(str, sorted(kept_files(versions_directory(_model(ctx))), reverse=True))

    return _offered(ctx, incomplete, numbers)


def class_names(ctx: typer.Context, incomplete: str) -> list[str]:
    """The model's classes."""
    from imgclf.model_file.lookup import class_names_in

    return _offered(ctx, incomplete, lambda: class_names_in(_model(ctx)))


def runs(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of configs that were trained."""
    from imgclf.work_folders import RUNS_DIRECTORY

    def names() -> Iterable[str]:
        return (path.name for path in sorted(RUNS_DIRECTORY.glob("[!.]*/")))

    return _offered(ctx, incomplete, names)


def _model(ctx: typer.Context) -> Path:
    from imgclf.cli.session import chosen_model

    given = ctx.params.get("model")  # as it was typed
    return chosen_model(None if given is None else Path(given))


def _offered(ctx: typer.Context, incomplete: str, find: Callable[[], Iterable[str]]) -> list[str]:
    """Of these names those that the word may become."""
    try:
        directory = ctx.find_root().params.get("directory")
        if directory is not None:  # -C before the command, which nobody has obeyed yet
            os.chdir(directory)
        names = [name for name in find() if name.startswith(incomplete)]
    except Exception:  # of several models, none; of a damaged folder, nothing
        return []
    return [name for name in names if all(one.isalnum() or one in _HARMLESS for one in name)]


def without_help(items: list[Any]) -> list[Any]:
    """What a shell is told, without descriptions: to set those takes as long as all the rest."""
    for item in items:
        item.help = None
    return items


def one_of(words: Sequence[str]) -> Callable[[typer.Context, str], list[str]]:
    """These words."""

    def offered(ctx: typer.Context, incomplete: str) -> list[str]:
        return _offered(ctx, incomplete, lambda: words)

    return offered


def install(ctx: typer.Context, wanted: bool) -> None:
    """Writes what the shell that this is typed in reads when it starts."""
    if wanted and not ctx.resilient_parsing:
        from typer._completion_shared import install as install_for

        try:
            shell, file = install_for(shell=_shell(), prog_name="imgclf")
        except RuntimeError as error:
            raise UsageError(f"nobody knows where your home is: {error}") from None
        print(f"completion for {shell} is written to {file}; it works in a new terminal")
        raise typer.Exit


def show(ctx: typer.Context, wanted: bool) -> None:
    """Prints the same."""
    if wanted and not ctx.resilient_parsing:
        from typer._completion_shared import get_completion_script

        print(get_completion_script(prog_name="imgclf", complete_var=_ASKED, shell=_shell()))
        raise typer.Exit


def _shell() -> str:
    """The shell that this is typed in.

    Raises:
        UsageError: It can't be told, or is none of those that can be served.
    """
    import shellingham

    try:
        name: str = shellingham.detect_shell()[0]
    except (shellingham.ShellDetectionFailure, NotImplementedError, OSError):
        name = Path(os.environ.get("SHELL", "")).name
    if name not in _SHELLS:
        raise UsageError(
            f"completion is for {', '.join(_SHELLS)}; received: {name or 'no shell'}",
            "type it in one of these",
        )
    return name
