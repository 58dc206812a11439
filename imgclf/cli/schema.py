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
    from imgclf.config.json_schema import schema_text
    from imgclf.system.files import open_output

    with open_output(output) as stream:
        stream.write(schema_text())
