"""The command line: options in, one command, its result printed, an exit status out.

Each command has its module here, imported when it is asked for; what it does (`imgclf.commands`)
is imported inside of it, so that `--help` and usage errors cost nothing. Only what is here prints
or exits.

None of it has `from __future__ import annotations`: typer would have to evaluate them as text,
which takes 10 ms of each command.
"""

import os
import sys
from collections.abc import Sequence
from copy import copy
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import typer

from imgclf import __version__
from imgclf.cli import completion
from imgclf.cli.session import Session, as_typed_here
from imgclf.errors import ImgclfError, OwnCodeError, UsageError
from imgclf.model_file.first_opening import strangers_apart
from imgclf.spelling import Lines, harmless, on_one_line
from imgclf.system import console
from imgclf.system.disk import problem_of
from imgclf.system.signals import ended_by, raise_at_signals
from imgclf.system.standard_streams import let_names_through

COMMANDS = (
    "label",
    "init",
    "check",
    "compare",
    "train",
    "tune",
    "predict",
    "evaluate",
    "retrain",
    "adopt",
    "export",
    "runs",
    "report",
    "history",
    "rollback",
    "cache",
    "schema",
    "doctor",
    "demo",
)
"""Each is `command` in the module of its name, in the order in which `--help` lists them."""

_SETTINGS = {"help_option_names": ["-h", "--help"]}
_NOWHERE = """imgclf: the working directory isn't there any more
change to a folder that is, or name one: imgclf -C DIR ..."""


class _Command(typer.core.TyperCommand):
    """Says of an option that it hasn't got what was probably meant."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """The arguments that are left; see click."""
        given = list(args)
        try:
            return super().parse_args(ctx, args)
        except Exception as error:  # click's own, which typer keeps to itself
            option = getattr(error, "option_name", None)
            if option is None or not hasattr(error, "possibilities"):
                raise
            from imgclf.cli.guesses import meant_by

            hint = meant_by(str(self.name), option, given)
            if hint is None:
                raise
            raise UsageError(f"imgclf {self.name} has no option {option}", hint) from None

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The options that a word may become."""
        return completion.without_help(super().shell_complete(ctx, incomplete))


class _Commands(typer.core.TyperGroup):
    """Makes a command when it is asked for; Ctrl-C and SIGTERM get statuses of their own."""

    def list_commands(self, _: Any) -> list[str]:
        """The names of all commands."""
        return list(COMMANDS)

    def get_command(self, _: Any, cmd_name: str) -> Any:
        """The command, or None."""
        # For an unknown name all of them, of which typer then says the nearest.
        for name in (cmd_name,) if cmd_name in COMMANDS else COMMANDS:
            if name not in self.commands:
                self.commands[name] = _made(name, self.params)
        return self.commands.get(cmd_name)

    def shell_complete(self, ctx: Any, incomplete: str) -> list[Any]:
        """The commands and options that a word may become."""
        return completion.without_help(super().shell_complete(ctx, incomplete))

    def invoke(self, ctx: Any) -> Any:
        """Runs the command; what it printed is out when this returns."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except KeyboardInterrupt as error:
            raise ended_by(error) from None
        return result


def _made(name: str, before: Sequence[Any]) -> Any:
    """A command, which takes what may stand before it likewise."""
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=_SETTINGS)
    alone.command(name, cls=_Command)(import_module(f"imgclf.cli.{name}").command)
    made = typer.main.get_command(alone)
    for option in before:
        if option.name in ("directory", "quiet", "debug"):
            also = copy(option)
            also.name = f"also_{option.name}"  # for a command may have a `directory` of its own
            also.hidden, also.expose_value = True, False
            also.is_eager = True  # or the paths of others were looked at from elsewhere
            also.callback = partial(_use_also, option.name)
            made.params.append(also)
    return made


def _use_also(name: str, _: Any, option: Any, value: Any) -> None:
    if value:
        _use(**{name: value})


app = typer.Typer(
    name="imgclf",
    cls=_Commands,
    help="Train, use and correct image classifiers.",
    no_args_is_help=True,
    epilog="-C, -q and --debug may also stand after the command.",
    add_completion=False,
    rich_markup_mode=None,
    context_settings=_SETTINGS,
)


def _show_version(ctx: typer.Context, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from imgclf.system.packages import versions

        for name, version in {"imgclf": __version__, **versions()}.items():
            print(f"{name} {version}")
        raise typer.Exit


@app.callback()
def _options(
    directory: Annotated[
        Path | None, typer.Option("-C", metavar="DIR", help="Work in this folder.")
    ] = None,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No notes and no progress, only warnings.")
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback if imgclf itself fails.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the versions that matter and exit.",
            callback=_show_version,
            is_eager=True,
        ),
    ] = False,
    install_completion: Annotated[
        bool,
        typer.Option(
            "--install-completion",
            help="Have the shell that this is typed in complete commands, options and names.",
            callback=completion.install,
            is_eager=True,
        ),
    ] = False,
    show_completion: Annotated[
        bool,
        typer.Option(
            "--show-completion",
            help="Print what that writes.",
            callback=completion.show,
            is_eager=True,
        ),
    ] = False,
) -> None:
    Session.directory, Session.debug = None, False
    console.use(console.Console(sys.stderr))
    _use(directory, quiet, debug)


def _use(directory: Path | None = None, quiet: bool = False, debug: bool = False) -> None:
    Session.debug = Session.debug or debug
    if quiet:
        console.use(console.Console(sys.stderr, quiet=True))
    if directory is None:
        return
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"-C {directory}: {error.strerror}") from error
    Session.directory = (Session.directory or Path()) / directory


def main() -> None:
    """Runs the command line; the only place where errors become messages and statuses."""
    if completion.asked():
        completion.answer(app)
        return
    raise_at_signals()
    let_names_through()
    try:
        with strangers_apart():
            app()
    except ImgclfError as error:
        if Session.debug and isinstance(error, OwnCodeError):
            import traceback  # see `_report_fault`

            traceback.print_exception(error.__context__)
        said = f"imgclf: {error.message}"  # each line of which is one already
        if error.hint is not None:
            said += f"\n{as_typed_here(error.hint)}"
        print(harmless(said), file=sys.stderr)
        sys.exit(error.exit_status)
    except Exception as error:
        if Session.debug:
            raise
        if isinstance(error, OSError) and (reason := problem_of(error)):
            sys.exit(_report_refusal(error, reason))
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            print(_NOWHERE, file=sys.stderr)
            sys.exit(UsageError.exit_status)
        sys.exit(_report_fault(error))


def _is_nowhere() -> bool:
    """Whether somebody has removed the working directory."""
    try:
        os.getcwd()  # noqa: PTH109 -- nothing but whether there is one
    except FileNotFoundError:
        return True
    return False


def _report_refusal(error: OSError, reason: str) -> int:
    where = error.filename or "standard output"
    print(on_one_line(f"imgclf: {where}: {reason}"), file=sys.stderr)
    # Or Python tries again at its end to print what is left, and says so in its own words.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return UsageError.exit_status


def _report_fault(error: Exception) -> int:
    import tempfile  # with traceback, 10 ms, which only a fault should cost
    import traceback

    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="imgclf-", suffix=".log", delete=False, encoding="utf-8", errors="replace"
        ) as log:
            log.write(f"imgclf {__version__}, arguments: {sys.argv[1:]}\n")
            log.writelines(traceback.format_exception(error))
        where = f"what happened is written in {log.name}; with --debug it is shown"
    except OSError as refused:
        where = f"with --debug it is shown what happened; it can't be written: {refused.strerror}"
    fault = f"imgclf: a fault of imgclf itself: {type(error).__name__}: {error}"
    print(Lines.of(fault, where), file=sys.stderr)
    return ImgclfError.exit_status
