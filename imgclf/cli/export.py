"""`imgclf export`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgclf.cli import session
from imgclf.cli.options import ModelOption
from imgclf.spelling import Lines
from imgclf.system import console

if TYPE_CHECKING:
    from imgclf.commands.export import Quantised


def command(
    form: Annotated[
        str, typer.Option("--format", help="litert, onnx or saved_model.", show_default=False)
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to. [default: the model's name, in the working directory]",
            show_default=False,
        ),
    ] = None,
    quantize: Annotated[
        str | None,
        typer.Option(
            "--quantize",
            metavar="int8",
            help="Compute in int8, for small devices; litert only.",
            show_default=False,
        ),
    ] = None,
    model: ModelOption = None,
) -> None:
    """Write a model for LiteRT, ONNX or TensorFlow, checked against its own outputs."""
    from imgclf.commands.export import export
    from imgclf.commands.export_target import FORMATS

    session.refuse_unknown("--format", form, tuple(FORMATS))
    if quantize is not None:
        session.refuse_unknown("--quantize", quantize, ("int8",))
    file = session.chosen_model(model)
    done = export(file, form, output=output, quantize=quantize)  # type: ignore[arg-type]
    session.show(f"{done.path}: {done.size} bytes")
    difference = f"{done.difference:.1e} ({done.compared})"
    session.show(f"largest difference from the model's outputs: {difference}")
    session.show(f"with it: {', '.join(map(str, done.companions))}")
    if done.quantised is not None:
        session.show(_quantised_lines(done.quantised))
    console.note(done.usage())


def _quantised_lines(cost: "Quantised") -> Lines:
    lines = [
        f"held-out accuracy: {cost.before:.4f} before, {cost.after:.4f} in int8 "
        f"({cost.pictures} pictures)"
    ]
    if cost.corrected:
        lines.append(f"corrections that hold: {cost.hold} of {cost.corrected}")
    if cost.size_before is not None:
        lines.append(f"size before: {cost.size_before} bytes")
    return Lines.of(*lines)
