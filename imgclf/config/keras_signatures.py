"""The names that Keras exports and the signatures of their constructors, without importing Keras.

Importing Keras takes seconds, and a misspelt config should be told in milliseconds. So the
installed package's files are read instead: `keras/layers/__init__.py` lists what is exported
and from where, and a class's `__init__` says what it takes. Only the text of that one method is
parsed: whole files of Keras take 10 to 20 ms each. A test compares every exported class with
what the imported Keras says of itself.
"""

from __future__ import annotations

import ast
import importlib.util
import re
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal, get_args

from imgclf.errors import ImgclfError

Kind = Literal[
    "layers",
    "optimizers",
    "schedules",
    "losses",
    "metrics",
    "callbacks",
    "initializers",
    "regularizers",
    "constraints",
    "activations",
]

MODULE: Mapping[Kind, str] = {kind: kind for kind in get_args(Kind)} | {
    "schedules": "optimizers.schedules"
}
"""The module of Keras that exports a kind, below `keras`."""


class _Marker:
    """A value that no config can hold."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __repr__(self) -> str:
        return self._name


REQUIRED = _Marker("REQUIRED")  # the argument has no default
COMPUTED = _Marker("COMPUTED")  # the default is an expression, not a plain value


@dataclass(frozen=True)
class Signature:
    """What a constructor takes.

    Attributes:
        arguments: Name to default, or REQUIRED, or COMPUTED; those that can be given by
            position come first.
        first: The argument that a value alone stands for; None if there is none.
    """

    arguments: dict[str, Any]
    first: str | None


@cache
def exports(kind: Kind) -> dict[str, tuple[str, str]]:
    """What `keras.<kind>` exports: name to (module, name in that module).

    Base classes, functions that build networks by hand (`add`, `Input`) and the three functions
    `get`, `serialize` and `deserialize` are among them; `keras_names` leaves them out.
    """
    return _exported_by(MODULE[kind])


@cache
def applications() -> tuple[str, ...]:
    """The pretrained networks of `keras.applications`: functions with names like classes."""
    return tuple(name for name in _exported_by("applications") if name[0].isupper())


@cache
def signature(kind: Kind, name: str) -> Signature:
    """The arguments of `keras.<kind>.<name>`, with what its base classes take by `**kwargs`."""
    return _class_signature(*exports(kind)[name])


@cache
def assigned_word(kind: Kind, name: str, attribute: str) -> str | None:
    """The literal that the constructor gives to `self.<attribute>`, if it does."""
    for module, class_name in lineage_of(*exports(kind)[name]):
        found = re.search(rf'^ +self\.{attribute} = "(\w+)"$', class_text(module, class_name), re.M)
        if found:
            return found[1]
    return None


@cache
def methods(kind: Kind, name: str) -> tuple[str, ...]:
    """The public methods written in the class itself."""
    return tuple(re.findall(r"^    def ([a-z]\w*)\(", class_text(*exports(kind)[name]), re.M))


def _exported_by(module: str) -> dict[str, tuple[str, str]]:
    text = _keras_folder().joinpath(*module.split("."), "__init__.py").read_text("utf-8")
    return {name: origin for name, origin in _imports(text) if origin[0].startswith("keras.src")}


@cache
def _keras_folder() -> Path:
    found = importlib.util.find_spec("keras")  # finds a top-level package without importing it
    if found is None or not found.submodule_search_locations:
        raise ImgclfError("Keras is not installed", "pip install imgclf")
    return Path(found.submodule_search_locations[0])


@cache
def _module_text(module: str) -> str:
    path = _keras_folder().joinpath(*module.split(".")[1:])
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file.read_text("utf-8")


_IMPORT = re.compile(r"^from ([\w.]+) import (?:\(([^)]*)\)|(.+))$", re.M)


def _imports(text: str) -> Iterator[tuple[str, tuple[str, str]]]:
    """The top-level `from a import b as c` of a module: c, (a, b)."""
    for found in _IMPORT.finditer(text):
        for item in re.sub(r"#.*", "", found[2] or found[3]).split(","):
            words = item.split()
            if words:
                yield words[-1], (found[1], words[0])


@cache
def _imported(module: str) -> dict[str, tuple[str, str]]:
    return dict(_imports(_module_text(module)))


@cache
def class_text(module: str, name: str) -> str:
    """The source of a top-level class, up to the next thing at the left margin."""
    text = _module_text(module)
    start = re.search(rf"^class {name}\b", text, re.M)
    if start is None:
        return ""
    end = re.compile(r"^[A-Za-z@]", re.M).search(text, start.end())
    return text[start.start() : end.start() if end else len(text)]


def _bases(module: str, name: str) -> Iterator[tuple[str, str]]:
    """The base classes that can be followed in the text; what depends on the backend can't."""
    header = re.match(r"class \w+\(([^)]*)\)", class_text(module, name))
    for base in filter(None, (header[1] if header else "").split(",")):
        owner, _, attribute = base.strip().rpartition(".")
        if owner:
            package, imported = _imported(module).get(owner, ("", ""))
            found = (f"{package}.{imported}", attribute)
        else:
            found = _imported(module).get(attribute, (module, attribute))
        if found[0].startswith("keras."):
            # `layers.Layer` leads to a package that only imports it.
            found = found if class_text(*found) else _imported(found[0]).get(found[1], found)
            if class_text(*found):
                yield found


def lineage_of(module: str, name: str) -> Iterator[tuple[str, str]]:
    """The class and its base classes, depth first: Keras's own order wherever it matters here."""
    yield module, name
    for base in _bases(module, name):
        yield from lineage_of(*base)


@cache
def _class_signature(module: str, name: str) -> Signature:
    lineage = lineage_of(module, name)
    for owner in lineage:
        method = _constructor(*owner)
        if method is None:
            continue
        arguments, positional = _parameters(method, owner[0])
        forwarded = _forwarding_call(method)
        if forwarded is not None:
            inherited = _next_signature(lineage)
            given = {keyword.arg for keyword in forwarded.keywords}
            by_position = list(inherited.arguments)[: len(forwarded.args)]
            for argument, default in inherited.arguments.items():
                if argument not in given and argument not in by_position:
                    arguments.setdefault(argument, default)
        return Signature(arguments, positional[0] if positional else None)
    return Signature({}, None)


def _next_signature(lineage: Iterator[tuple[str, str]]) -> Signature:
    for owner in lineage:
        if _constructor(*owner) is not None:
            return _class_signature(*owner)
    return Signature({}, None)


@cache
def _constructor(module: str, name: str) -> ast.FunctionDef | None:
    lines = class_text(module, name).split("\n")
    try:
        start = next(i for i, line in enumerate(lines) if line.startswith("    def __init__("))
    except StopIteration:
        return None
    end = next(
        (i for i in range(start + 1, len(lines)) if re.match(r" {4}[a-z@#]", lines[i])), len(lines)
    )
    tree = ast.parse(textwrap.dedent("\n".join(lines[start:end])))
    assert isinstance(tree.body[0], ast.FunctionDef)
    return tree.body[0]


def _parameters(method: ast.FunctionDef, module: str) -> tuple[dict[str, Any], list[str]]:
    """Name to default, without `self`; and the names that can be given by position."""
    taken = method.args
    positional = [argument.arg for argument in taken.args][1:]
    without = len(positional) - len(taken.defaults)
    defaults = dict(zip(positional, [None] * without + [*taken.defaults], strict=True))
    defaults |= dict(zip((a.arg for a in taken.kwonlyargs), taken.kw_defaults, strict=True))
    return {name: _literal(default, module) for name, default in defaults.items()}, positional


def _literal(default: ast.expr | None, module: str) -> Any:
    if default is None:
        return REQUIRED
    if isinstance(default, ast.Name):
        constant = re.search(rf"^{default.id} = (.+)$", _module_text(module), re.M)
        default = ast.parse(constant[1], mode="eval").body if constant else default
    try:
        return ast.literal_eval(default)
    except ValueError:
        return COMPUTED


def _forwarding_call(method: ast.FunctionDef) -> ast.Call | None:
    """The `super().__init__(..., **kwargs)` through which unknown arguments go on."""
    if method.args.kwarg is None:
        return None
    for node in ast.walk(method):
        if (
            isinstance(node, ast.Call)
            and ast.unparse(node.func).endswith("__init__")
            and any(keyword.arg is None for keyword in node.keywords)
        ):
            return node
    return None
