"""What pictures are said to be: paths with a label, tables, class folders, a list on stdin."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from imgclf.data.class_folders import nearest_beside
from imgclf.data.class_levels import LEVEL, class_of, has_levels
from imgclf.data.file_walk import list_folder, not_a_picture, walk_files
from imgclf.data.filing import is_folder_path
from imgclf.data.label_table import find_columns, is_table, read_cells, read_rows, refuse
from imgclf.data.left_out import LeftOut
from imgclf.errors import DataError, UsageError, suggestion
from imgclf.spelling import Lines, composed, on_one_line, path_as_spelled


@dataclass(frozen=True)
class Labelled:
    """A picture and what somebody says it is.

    Attributes:
        path: The picture; it may not exist.
        label: A class, perhaps none of the model's; composed.
        source: Where this was said, such as `corrections.csv, line 3`.
    """

    path: Path
    label: str
    source: str = "--label"


def read_inputs(
    arguments: Sequence[str],
    label: str | None,
    standard_input: Iterable[str],
    class_names: Collection[str] = (),
    left_out: LeftOut | None = None,
) -> list[Labelled]:
    """The pictures that arguments of `retrain` stand for, with their labels.

    An argument is a picture; a table (`.csv`, `.tsv`) whose header has the columns path and
    label; a folder with one folder for each class, or any folder of pictures if there is a
    label; or `-` for lines on standard input, paths if there is a label and else rows of path
    and label divided by a comma or a tab. Relative paths in a table are relative to the working
    directory, or to the table's folder where they aren't found there.

    Args:
        arguments: At least one.
        label: What all of them are; None if they say it themselves.
        standard_input: Its lines.
        class_names: The model's, which say how deep in a folder the class folders lie.
        left_out: Gets what lies in folders and is no picture, or can't be looked into.

    Raises:
        UsageError: A picture without a label, or one with two.
        DataError: With every line of the tables that can't be understood.
    """
    problems: list[str] = []
    found: list[Labelled] = []
    left_out = LeftOut() if left_out is None else left_out
    for argument in arguments:
        path = path_as_spelled(Path(argument))
        if argument == "-":
            found.extend(_from_stdin(standard_input, label, problems))
        elif path.is_dir():
            found.extend(_from_folder(path, label, class_names, left_out))
        elif is_table(path):
            found.extend(_from_table(path, label, problems))
        elif label is None:
            raise UsageError(f"{argument}: what is it?", f"imgclf retrain {argument} --label CLASS")
        else:
            found.append(Labelled(path, label))
    refuse(problems, "nothing was changed")
    if not found:
        why = f"; left out {left_out}" if left_out.count else ""
        raise DataError(f"no pictures in {', '.join(arguments)}{why}")
    return [replace(one, label=composed(one.label)) for one in found]


def require_classes(
    labelled: Sequence[Labelled], class_names: Sequence[str], *, new_class: bool = False
) -> str | None:
    """Makes sure that every label is a class of the model.

    Args:
        labelled: The pictures.
        class_names: The model's.
        new_class: One label may be a class that the model doesn't have yet.

    Returns:
        That class, if there is one.

    Raises:
        UsageError: With every label that is none.
    """
    unknown: dict[str, str] = {}
    for one in labelled:
        if one.label not in class_names:
            unknown.setdefault(one.label, one.source)
    if not unknown:
        return None
    lines = []
    for label, source in unknown.items():
        where = f"--label {label}" if source == "--label" else f"{source}: {label}"
        lines.append(where + _suggestion(label, class_names))
    the_classes = f"the model's classes are {', '.join(class_names)}"
    if not new_class:
        raise UsageError(
            Lines.of(f"{the_classes}:", *lines),
            "for a class that is new to the model: --new-class, with several pictures of it",
        )
    if len(unknown) > 1:
        raise UsageError(Lines.of(f"--new-class takes one at a time; {the_classes}:", *lines))
    [name] = unknown
    levels = has_levels(class_names)
    unfit = name != name.strip() or not name.isprintable() or not is_folder_path(name)
    if unfit or (LEVEL in name and not levels):
        raise UsageError(f"--new-class: {name!r} is no class name")
    return name


def _suggestion(label: str, class_names: Sequence[str]) -> str:
    """The class meant; of one that is a path somebody may have said the last level alone."""
    ends = [name for name in class_names if name.rpartition(LEVEL)[2] == label]
    return f"; did you mean {ends[0]}?" if len(ends) == 1 else suggestion(label, class_names)


def _from_folder(
    folder: Path, label: str | None, class_names: Collection[str], left_out: LeftOut
) -> Iterator[Labelled]:
    if label is not None:
        yield from (Labelled(path, label) for path in walk_files(folder, left_out.add))
        return
    inside = list_folder(folder, left_out.add)
    for entry in inside.files:
        skipped = not_a_picture(Path(entry))
        if skipped is None:
            raise UsageError(
                f"{Path(entry)} is in no class folder, so what is it?",
                f"imgclf retrain {folder} --label CLASS",
            )
        left_out.add(skipped)
    # Class by class, for a picture that links put into two of them has two labels.
    for place in sorted((*inside.folders, *inside.links)):
        for path in walk_files(place, left_out.add):
            name = class_of(path.relative_to(folder), class_names)
            yield Labelled(path, name, str(place))


def _from_table(path: Path, label: str | None, problems: list[str]) -> Iterator[Labelled]:
    def resolve(name: str) -> Path:
        here, beside = path_as_spelled(Path(name)), path_as_spelled(path.parent / name)
        return beside if not here.exists() and beside.exists() else here

    try:
        rows = read_rows(path, problems)
    except DataError as error:
        if not isinstance(error.__cause__, FileNotFoundError):
            raise
        raise DataError(
            f"{path}: no such file{nearest_beside(path, folders=False)}",
            f"what a browser has saved is often here: imgclf retrain ~/Downloads/{path.name}",
        ) from error
    if not rows:
        problems.append(f"{path} is empty")
        return
    (_, header), *rest = rows
    columns = find_columns(header)
    if columns is None or (columns.label is None and label is None):
        problems.append(
            f"{path}, line 1: the columns path and label are wanted; received: {', '.join(header)}"
        )
        return
    if columns.label is not None and label is not None:
        raise UsageError(f"{path} says itself what the pictures are, and so does --label")
    yield from _labelled(rest, (columns.path, columns.label), label, str(path), resolve, problems)


def _from_stdin(lines: Iterable[str], label: str | None, problems: list[str]) -> Iterator[Labelled]:
    if label is not None:
        yield from (Labelled(Path(line.rstrip("\r\n")), label) for line in lines if line.strip())
        return
    kept = list(lines)
    first = next((line for line in kept if line.strip()), "")
    rows = list(read_cells(kept, "\t" if "\t" in first else ",", "stdin", problems))
    columns = find_columns(rows[0][1]) if rows else None
    if columns is not None and columns.label is not None:
        del rows[0]
        places = columns.path, columns.label
    else:
        places = 0, 1
    yield from _labelled(rows, places, None, "stdin", Path, problems)


def _labelled(
    rows: Iterable[tuple[int, list[str]]],
    columns: tuple[int, int | None],
    label: str | None,
    source: str,
    resolve: Callable[[str], Path],
    problems: list[str],
) -> Iterator[Labelled]:
    for number, row in rows:
        where = f"{source}, line {number}"
        path, said = (
            row[column] if column is not None and column < len(row) else "" for column in columns
        )
        said = label or said.strip()
        if not path.strip():
            problems.append(f"{where}: no path")
        elif not said:
            problems.append(on_one_line(f"{where}: {path} has no label"))
        else:
            yield Labelled(resolve(path), said, "--label" if label else where)
