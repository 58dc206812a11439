"""`imgclf history`."""

from typing import Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import HtmlOption, ModelOption
from imgclf.errors import UsageError
from imgclf.system import console


def command(
    model: ModelOption = None,
    corrections: Annotated[
        bool,
        typer.Option(
            "--corrections",
            help="Print what the model was corrected by instead, as a table (CSV) that retrain "
            "takes.",
        ),
    ] = False,
    prune: Annotated[
        int | None,
        typer.Option(
            "--prune",
            min=1,
            metavar="N",
            help="Remove all versions but the newest N, the one in use and the last trained one.",
            show_default=False,
        ),
    ] = None,
    html: HtmlOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the versions of a model, what was corrected and what they scored."""
    from imgclf.commands.versions import corrections_in_force, history, prune_versions
    from imgclf.report.corrections import corrections_csv
    from imgclf.report.history import history_table, pruned_line

    if corrections and prune is not None:
        raise UsageError("--prune removes versions, and --corrections prints what is in force")
    if html is not None and (corrections or prune is not None):
        raise UsageError("--html goes with neither --corrections nor --prune")
    file = session.chosen_model(model)
    if prune is not None:
        done = prune_versions(file, prune)
        print(session.as_json_text(done) if as_json else pruned_line(file, done))
    elif corrections:
        rows = corrections_in_force(file)
        if not rows:
            console.note("the version in use was not corrected")
            console.note("the corrections of each version: imgclf history --json")
        text = corrections_csv((one.path, one.label) for one in rows)
        print(session.as_json_text(rows) if as_json else text)
    else:
        if html is not None:
            from imgclf.commands.output_places import refuse_place
            from imgclf.model_file.archive import read_manifest
            from imgclf.report.pages import refuse_target

            refuse_place("--html", html, read_manifest(file))
            refuse_target("--html", html, "history")
        found = history(file)
        if html is not None:
            from imgclf.report.history_page import write_history_page

            write_history_page(html, file, found)
        print(session.as_json_text(found) if as_json else history_table(found))
        if html is not None:
            console.note(f"{html}: to look at in a browser")
