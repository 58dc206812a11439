"""YAML as a tree that remembers where each thing was written.

The tree is built from PyYAML's events and not by its composer, which recurses: a file of ten
thousand brackets is an error message here and no stack overflow, and so is a tree of aliases
that would unfold into gigabytes.
"""

from __future__ import annotations

from dataclasses import dataclass

import yaml

from imgclf.config.tree import MAX_DEPTH, Node, Origin, TreeProblem
from imgclf.config.yaml_scalars import Scalar, read_scalar
from imgclf.errors import first_line

MAX_BYTES = 256 * 1024
MAX_NODES = 20_000


def read_yaml(text: str, override: str | None = None) -> Node:
    """Reads one YAML document.

    Args:
        text: The file, or the value of a `--set`.
        override: That `--set KEY=VALUE` as typed, to be named in place of a line.

    Raises:
        TreeProblem: Bad syntax, a key twice in a mapping, a tag, too large or too deep.
    """
    builder = _Builder(override)
    try:
        # PyYAML's own reader is fed the whole text; it checks for control characters first.
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark and override is None else None
        origin = Origin(line, override)
        raise TreeProblem(origin.problem("", _explain(error, text))) from None
    except yaml.YAMLError as error:
        raise TreeProblem(
            Origin(None, override).problem("", f"this is not YAML: {first_line(error)}")
        ) from None
    return builder.root or Node(None, Origin(None if override else 1, override), "")


def _explain(error: yaml.MarkedYAMLError, text: str) -> str:
    mark = error.problem_mark or error.context_mark
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())]:
        return "YAML is indented with spaces; this line begins with a tab"
    detail = ", ".join(part for part in (error.context, error.problem) if part)
    return f"this is not YAML: {detail}"


@dataclass
class _Open:
    """A list or a mapping whose end has not come yet."""

    node: Node
    anchor: str | None
    size: int = 1
    key: str | None = None
    key_line: int = 0


class _Builder:
    def __init__(self, override: str | None) -> None:
        self.override = override
        self.root: Node | None = None
        self._documents = 0
        self._line = 1
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}

    def take(self, event: yaml.Event) -> None:
        if event.start_mark is not None:
            self._line = event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._fail("a config is one YAML document; this `---` begins a second one")
        elif isinstance(event, yaml.AliasEvent):
            self._take_alias(str(event.anchor))
        elif isinstance(event, yaml.ScalarEvent):
            self._refuse_tag(event)
            self._take_scalar(event)
        elif isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._refuse_tag(event)
            self._begin(event)
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._end()

    def _fail(self, message: str, key: str = "", nearest: str | None = None) -> None:
        raise TreeProblem(self._origin(self._line).problem(key, message, nearest=nearest))

    def _origin(self, line: int) -> Origin:
        return Origin(None, self.override) if self.override is not None else Origin(line)

    def _refuse_tag(self, event: yaml.NodeEvent) -> None:
        tag = getattr(event, "tag", None)
        if tag is not None and tag != "!":
            self._fail(f"YAML tags are not used here: {tag.replace('tag:yaml.org,2002:', '!!')}")

    def _take_alias(self, anchor: str) -> None:
        held = self._anchors.get(anchor)
        if held is None:
            what = (
                "stands inside of itself" if anchor in self._anchors else "was not defined before"
            )
            self._fail(f"*{anchor} {what}")
            return
        node, size = held
        if self._awaits_key():
            self._fail(f"an alias can't be a key: *{anchor}")
        self._place(Node(node.value, self._origin(self._line), node.text), size)

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        if any("\ud800" <= character <= "\udfff" for character in event.value):
            self._fail("half of a surrogate pair is no character")
        if self._awaits_key():
            top = self._open[-1]
            if event.anchor:
                self._fail(f"an anchor can't stand before a key: &{event.anchor}")
            key = event.value
            if key == "<<" and event.implicit[0]:
                self._fail("`<<` (YAML's merge key) is not supported; write the keys out")
            assert isinstance(top.node.value, dict)
            try:
                read_scalar(key)
            except ValueError as error:
                self._fail(f"{error}: {key[:40]}", self._path())
            if key in top.node.value:
                before = top.node.value[key].origin.line
                where = f", first on line {before}" if before is not None else ""
                self._fail(f"{key} is written twice in one mapping{where}", self._path())
            top.key, top.key_line = key, self._line
            return
        text = event.value if event.implicit[0] else None
        value: Scalar = event.value
        if text is not None:
            try:
                value = read_scalar(text)
            except ValueError as error:
                self._fail(f"{error}: {text[:40]}", self._path())
        node = Node(value, self._origin(self._line), text)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1)
        self._place(node, 1)

    def _begin(self, event: yaml.NodeEvent) -> None:
        if self._awaits_key():
            self._fail("a key must be a word or a number, not a list or a mapping")
        if len(self._open) == MAX_DEPTH:
            self._fail(f"this is nested too deeply: more than {MAX_DEPTH} levels")
        value: list[Node] | dict[str, Node]
        value = [] if isinstance(event, yaml.SequenceStartEvent) else {}
        if event.anchor:
            self._anchors[event.anchor] = None
        self._open.append(_Open(Node(value, self._origin(self._line)), event.anchor))

    def _end(self) -> None:
        done = self._open.pop()
        if done.anchor:
            self._anchors[done.anchor] = (done.node, done.size)
        self._place(done.node, done.size)

    def _awaits_key(self) -> bool:
        return bool(
            self._open
            and isinstance(self._open[-1].node.value, dict)
            and self._open[-1].key is None
        )

    def _path(self) -> str:
        steps = []
        for level in self._open:
            if isinstance(level.node.value, list):
                steps.append(str(len(level.node.value)))
            elif level.key is not None:
                steps.append(level.key)
        return ".".join(steps)

    def _place(self, node: Node, size: int) -> None:
        """Puts a finished node where it belongs; `size` counts it with aliases unfolded."""
        if not self._open:
            self.root = node
            return
        top = self._open[-1]
        top.size += size
        if top.size > MAX_NODES:
            self._fail(f"a config has at most {MAX_NODES:,} values, with all aliases unfolded")
        if isinstance(top.node.value, list):
            top.node.value.append(node)
        elif isinstance(top.node.value, dict) and top.key is not None:
            node.origin = self._origin(top.key_line)
            top.node.value[top.key] = node
            top.key = None
