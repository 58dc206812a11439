"""Predicts with damaged and hostile model files; run by test_fuzz.py in a process with limits.

    python -m tests.support.fuzz_model_files MODEL.keras PICTURE COUNT

Prints how many of each kind gave rows and how many one clear error, and how many graphs were
refused, so that Keras would answer, which is not waited for. Anything else is a traceback here, and
a crash or an endless loop ends the process.
"""

from __future__ import annotations

import hashlib
import json
import random
import sys
import zipfile
from collections import Counter
from pathlib import Path
from typing import Any

import msgspec

from imgclf.commands.predict import predict
from imgclf.errors import ModelFileError
from imgclf.litert.check import CheckedGraph
from imgclf.litert.flatbuffer import GraphError
from imgclf.model_file.archive import FEATURES, HEAD, MANIFEST, WHOLE_GRAPH
from imgclf.model_file.classifier import open_classifier

ODD: list[Any] = [
    None,
    True,
    -1,
    0,
    1e308,
    2**62,
    2**31,
    "",
    "x" * 5000,
    [],
    {},
    [[]],
    "\x00",
    "../x",
]


def flipped(content: bytes, chance: random.Random) -> bytes:
    """A few bytes changed, or the end cut off, or something inserted."""
    mutated = bytearray(content)
    for _ in range(chance.choice([1, 1, 4, 30])):
        mutated[chance.randrange(len(mutated))] = chance.randrange(256)
    if chance.random() < 0.2:
        del mutated[chance.randrange(len(mutated)) :]
    if chance.random() < 0.1:
        at = chance.randrange(len(mutated) + 1)
        mutated[at:at] = chance.randbytes(chance.randrange(100))
    return bytes(mutated)


def other_manifest(content: bytes, chance: random.Random) -> bytes:
    """One value somewhere in the manifest replaced by something odd, or taken out."""
    return json.dumps(with_odd_value(json.loads(content), chance)).encode()


def with_odd_value(whole: Any, chance: random.Random) -> Any:
    """The same, with one value in it replaced by something odd, or taken out."""
    node = whole
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = chance.choice(keys)
        if isinstance(node[key], (dict, list)) and node[key] and chance.random() < 0.7:
            node = node[key]
            continue
        if isinstance(node, dict) and chance.random() < 0.2:
            del node[key]
        else:
            node[key] = chance.choice(ODD)
        return whole


def other_graph(members: dict[str, bytes], chance: random.Random) -> None:
    """Another graph, with the checksum that a hostile author would write beside it."""
    name, checksum = (
        (WHOLE_GRAPH, "twin_sha256") if WHOLE_GRAPH in members else (FEATURES, "features_sha256")
    )
    members[name] = flipped(members[name], chance)
    manifest = json.loads(members[MANIFEST])
    manifest[checksum] = hashlib.sha256(members[name]).hexdigest()
    members[MANIFEST] = json.dumps(manifest).encode()


def is_refused(graph: bytes) -> bool:
    """Whether the interpreter doesn't get to see it."""
    try:
        CheckedGraph(graph)
    except GraphError as error:
        assert str(error)
        return True
    return False


def other_head(content: bytes, chance: random.Random) -> bytes:
    """One value somewhere in the head replaced by something odd, or any of its bytes."""
    if chance.random() < 0.5:
        return flipped(content, chance)
    return msgspec.msgpack.encode(with_odd_value(msgspec.msgpack.decode(content), chance))


def main(model: Path, picture: str, count: int) -> None:
    with zipfile.ZipFile(model) as archive:
        whole = {name: archive.read(name) for name in archive.namelist()}
    target = model.with_name("mutated.keras")
    outcomes: Counter[str] = Counter()
    for kind in ("bytes", "manifest", "graph", *["head"] * (HEAD in whole)):
        for seed in range(count):
            chance = random.Random(f"{kind} {seed}")
            if kind == "bytes":
                target.write_bytes(flipped(model.read_bytes(), chance))
            else:
                members = dict(whole)
                if kind == "manifest":
                    members[MANIFEST] = other_manifest(members[MANIFEST], chance)
                elif kind == "head":
                    members[HEAD] = other_head(members[HEAD], chance)
                else:
                    other_graph(members, chance)
                    if is_refused(members[WHOLE_GRAPH if WHOLE_GRAPH in members else FEATURES]):
                        outcomes["graph: refused"] += 1
                        continue
                with zipfile.ZipFile(target, "w") as archive:
                    for name, content in members.items():
                        archive.writestr(name, content)
            try:
                rows = list(predict(open_classifier(target), [picture]))
                assert len(rows) == 1
                assert rows[0].label is not None
                outcomes[f"{kind}: row"] += 1
            except ModelFileError as error:
                assert str(error)
                outcomes[f"{kind}: error"] += 1
    print(json.dumps(outcomes))


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
