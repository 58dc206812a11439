"""`imgclf schema`."""

from pathlib import Path
from typing import Annotated

import typer


def command(
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Write it to this file, not to stdout.", show_default=False
        ),
    ] = None,
) -> None:
    """Print the JSON schema of a config, by which editors complete and check it."""
    from imgclf.commands.output_places import refuse_place, refuse_to_replace
    from imgclf.config.json_schema import schema_text
    from imgclf.system.files import open_output

    text = schema_text()
    if output is not None:
        refuse_place("--output", output)
        to_its_title = text.partition('"type"')[0]
        refuse_to_replace(output, (to_its_title.encode(),), "schema")
    with open_output(output) as stream:
        stream.write(text)
