"""`imgclf adopt`."""

import shlex
from pathlib import Path
from typing import Annotated, get_args

import typer

from imgclf.cli import session
from imgclf.config.choices import Resize
from imgclf.system import console


def command(
    source: Annotated[
        Path,
        typer.Argument(metavar="MODEL.keras", help="A model made by Keras.", show_default=False),
    ],
    classes: Annotated[
        str,
        typer.Option(
            "--classes",
            metavar="CAT,DOG",
            help="The classes in the order of the outputs; Keras's image_dataset_from_directory "
            "takes the folders in alphabetical order.",
            show_default=False,
        ),
    ],
    image_size: Annotated[
        str | None,
        typer.Option(
            "--image-size",
            metavar="HEIGHTxWIDTH",
            help="For a model that takes any. [default: as the model says]",
            show_default=False,
        ),
    ] = None,
    resize: Annotated[
        str, typer.Option("--resize", help="stretch, crop or pad pictures to that size.")
    ] = "stretch",
    scale: Annotated[
        str | None,
        typer.Option(
            "--scale",
            metavar="FACTOR",
            help="Multiply values from 0 to 255 first: 1/255 for a model that was trained on 0 "
            "to 1 and doesn't scale by itself.",
            show_default=False,
        ),
    ] = None,
    offset: Annotated[
        str, typer.Option("--offset", metavar="NUMBER", help="Add this after --scale.")
    ] = "0",
    name: Annotated[
        str | None,
        typer.Option("--name", help="[default: the file's name]", show_default=False),
    ] = None,
) -> None:
    """Make a model file of a plain Keras model that was trained elsewhere."""
    from imgclf.cli.option_texts import parse_factor, parse_image_size
    from imgclf.commands.adopt import adopt

    session.refuse_unknown("--resize", resize, get_args(Resize))
    done = adopt(
        source,
        [word.strip() for word in classes.split(",")],
        image_size=None if image_size is None else parse_image_size(image_size),
        resize=resize,  # type: ignore[arg-type]
        scale=None if scale is None else parse_factor("--scale", scale),
        offset=parse_factor("--offset", offset),
        name=name,
    )
    decoder = done.manifest.decoder
    session.show(f"classes: {', '.join(done.manifest.class_names)}")
    session.show(f"pictures: {decoder.height}x{decoder.width}, {decoder.resize}")
    session.show(f"model: {done.model}")
    if done.manifest.version > 1:
        console.note(f"version {done.manifest.version}; earlier ones: imgclf history")
    console.note(
        session.as_typed_here(
            f"next: imgclf predict PICTURE --model {shlex.quote(str(done.model))}"
        )
    )
