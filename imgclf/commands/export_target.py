"""Where an export is written, and what it may replace."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Literal

from imgclf.commands.output_places import refuse_place
from imgclf.errors import UsageError
from imgclf.model_file.archive import read_manifest

Format = Literal["litert", "onnx", "saved_model"]
FORMATS: dict[Format, str] = {"litert": ".tflite", "onnx": ".onnx", "saved_model": "_saved_model"}

# `match` compares from the right, so the folders are named.
LABELS, README = "labels.txt", "README.txt"
_SAVED_MODEL = ("saved_model.pb", "fingerprint.pb", "variables/variables.*", LABELS, README)
_ONNX_PACKAGES = ("tf2onnx", "onnx", "onnxruntime")


def export_target(model: Path, form: Format, output: Path | None, quantize: str | None) -> Path:
    """Where an export is to be written.

    Args:
        model: The model file.
        form: What to write.
        output: Where to; None for the model's name in the working directory.
        quantize: In what else than float32.

    Raises:
        UsageError: It can't be written there, or not at all.
    """
    if quantize and form != "litert":
        raise UsageError(f"--quantize {quantize} goes with --format litert only")
    missing = [name for name in _ONNX_PACKAGES if form == "onnx" and find_spec(name) is None]
    if missing:
        raise UsageError(f"--format onnx needs {', '.join(missing)}", "pip install 'imgclf[onnx]'")
    ending = f"{'.int8' * bool(quantize)}{FORMATS[form]}"
    target = Path(f"{model.stem}{ending}") if output is None else output
    if form == "saved_model":
        if target.is_symlink() or (target.exists() and not _is_saved_model(target)):
            raise UsageError(
                f"{target} is there already, and is no SavedModel, or not one alone",
                "remove it, or name another: --output FOLDER",
            )
    elif target.suffix != FORMATS[form]:
        raise UsageError(f"--output {target}: a file of this format ends in {FORMATS[form]}")
    elif target.is_dir():
        raise UsageError(f"--output {target} is a folder")
    elif not _is_exported(target):
        labels, readme = companions(target)
        there = next(path for path in (target, labels, readme) if path.exists())
        raise UsageError(
            f"{there} is there already, and is nothing that export wrote: there is no "
            f"{readme.name} of imgclf's that speaks of it",
            "move it, or name another: --output FILE",
        )
    if output is not None:
        refuse_place("--output", target, read_manifest(model))
    return target


def companions(target: Path) -> tuple[Path, Path]:
    """Where the labels and the words on how to use it are of what was exported to `target`."""
    if target.is_dir():
        return target / LABELS, target / README
    # Of this file alone: the model may be exported in other formats beside it, or another model.
    labels, readme = (target.with_name(f"{target.name}.{name}") for name in (LABELS, README))
    return labels, readme


def _is_exported(target: Path) -> bool:
    """Whether a file and its companions may be replaced: export wrote them, or there are none."""
    labels, readme = companions(target)
    if readme.is_file():
        with readme.open("rb") as stream:
            words = stream.read(1000).decode("utf-8", "replace").split()
        return " ".join(words).startswith(f"{target.name} says") and "imgclf" in words
    return not any(path.exists() for path in (target, labels, readme))


def _is_saved_model(folder: Path) -> bool:
    """Whether nothing is lost with it but what an export has written."""
    if not (folder / "saved_model.pb").is_file():
        return False
    files = [path.relative_to(folder) for path in folder.rglob("*") if not path.is_dir()]
    return all(any(path.match(pattern) for pattern in _SAVED_MODEL) for path in files)
