"""Changes a file beside a model or in a run, and gives the commands that read it.

For benchmarks/fuzz_models.py; the folder is what fuzzed_folder.py prepares.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from imgclf.cli import main
from imgclf.runs.packing import document
from tests.support.fuzz_configs import MUTATIONS
from tests.support.fuzz_model_files import flipped, with_odd_value

_Change = Callable[[bytes, random.Random], bytes]


def other_json(content: bytes, random_: random.Random) -> bytes:
    change = random_.random()
    if change < 0.05:
        depth = random_.choice([500, 100_000])
        return b'{"a": ' + b"[" * depth + b"]" * depth + b"}"
    if change < 0.1:
        return random_.choice([b"", b"[]", b"null", b"3", b'"\xff"', b'{"a": 1e999}', b"\0" * 99])
    if change < 0.15:
        return content.replace(b"0", b"9" * 5000, 1)
    whole = json.loads(content)
    for _ in range(random_.choice([1, 1, 3])):
        if whole:
            whole = with_odd_value(whole, random_)
    return json.dumps(whole).encode()


def other_lines(content: bytes, random_: random.Random) -> bytes:
    """Of JSON, one a line."""
    lines = content.splitlines()
    at = random_.randrange(len(lines))
    lines[at] = other_json(lines[at], random_)
    if random_.random() < 0.2:
        lines = lines * random_.choice([2, 300])
    return b"\n".join(lines) + b"\n" * (random_.random() < 0.8)


def other_state(content: bytes, random_: random.Random) -> bytes:
    """A commit's, whose checksum is set right."""
    body = with_odd_value(json.loads(content)["body"], random_)
    try:
        return document(body)
    except RecursionError:
        return content


def other_yaml(content: bytes, random_: random.Random) -> bytes:
    text = content.decode()
    for _ in range(random_.choice([1, 2, 5])):
        text = random_.choice(MUTATIONS)(text, random_)
    return text.encode("utf-8", "replace")


def other_csv(content: bytes, random_: random.Random) -> bytes:
    lines = content.decode().split("\n")
    at = random_.randrange(len(lines))
    cells = lines[at].split(",")
    odd = ["nan", "inf", "", "1e999", "9" * 5000, '"', "\0", "\x1b[2J", "-1", "0x1", "é", "\ud800"]
    cells[random_.randrange(len(cells))] = random_.choice(odd)
    lines[at] = ",".join(cells * random_.choice([1, 1, 1, 1000]))
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def other_msgpack(content: bytes, random_: random.Random) -> bytes:
    whole = with_odd_value(msgspec.msgpack.decode(content), random_)
    return msgspec.msgpack.encode(json.loads(json.dumps(whole, default=str)))


def other_arrays(content: bytes, random_: random.Random) -> bytes:
    with np.load(io.BytesIO(content)) as file:
        arrays: dict[str, Any] = dict(file)
    name = random_.choice(list(arrays))
    array = arrays[name]
    odd: list[Callable[[], Any]] = [
        lambda: array.astype(random_.choice(["f2", "f8", "i1", "u8", "U3", "c8", "bool"])),
        lambda: array[random_.randrange(-3, len(array) + 1) :] if array.ndim else array,
        lambda: array[..., np.newaxis],
        lambda: array.reshape(-1),
        lambda: np.zeros_like(array),
        lambda: np.full_like(array, random_.choice([0, 1, 127])),
        lambda: np.asarray(random_.choice([np.nan, np.inf, -1, 2**40, "x" * 1000])),
        lambda: np.array([]),
        lambda: np.concatenate([array, array]) if array.ndim else array,
        lambda: np.full(array.shape, np.nan),
        lambda: np.asfortranarray(array),
        lambda: np.array([{}], dtype=object),
        lambda: np.zeros((0, 2**31, 3), np.uint8),
    ]
    change = random_.random()
    if change < 0.1:
        del arrays[name]
    elif change < 0.15:
        arrays[random_.choice(["more", "../x", "a/b"])] = array
    else:
        try:
            arrays[name] = random_.choice(odd)()
        except (ValueError, TypeError):
            arrays[name] = np.array([])
    stream = io.BytesIO()
    (np.savez_compressed if random_.random() < 0.1 else np.savez)(stream, **arrays)
    written = stream.getvalue()
    if random_.random() < 0.15:
        shape = b"(" + str(array.shape[0] if array.ndim else 1).encode()
        written = written.replace(shape, b"(" + b"9" * (len(shape) - 1))
    return written


def none_of_it(path: Path, random_: random.Random) -> None:
    """Something else in its place."""
    path.unlink()
    match random_.randrange(7):
        case 0:
            os.mkfifo(path)
        case 1:
            path.mkdir()
        case 2:
            path.symlink_to("/dev/zero")
        case 3:
            path.symlink_to(path.name)
        case 4:
            path.touch()
        case 5:
            with path.open("wb") as file:
                file.truncate(random_.choice([1 << 20, 1 << 34]))
        case _:
            path.symlink_to("/etc/passwd")


_RETRAIN = [["retrain", "new/dog/dog-003.jpg", "--label", "dog", "--model", "MODEL"]]
_HISTORY = [
    ["history", "--model", "MODEL"],
    ["history", "--corrections", "--model", "MODEL"],
    ["rollback", "1", "--model", "MODEL"],
    ["history", "--prune", "1", "--model", "MODEL"],
]
_RUNS = [["runs"], ["runs", "pets"], ["report", "RUN"]]
_Kind = tuple[str, Sequence[_Change], Sequence[Sequence[str]]]

KINDS: dict[str, _Kind] = {
    "memory": ("models/pets.history/memory.npz", [other_arrays], _RETRAIN),
    "responses": ("models/pets.history/responses.npz", [other_arrays], _RETRAIN),
    "features": ("models/frozen.history/features.npz", [other_arrays], _RETRAIN),
    "corrected": ("models/frozen.history/corrected-features.npz", [other_arrays], _RETRAIN),
    "journal": (
        "models/pets.history/journal.jsonl",
        [other_lines],
        [*_HISTORY, *_RETRAIN, ["retrain", "--forget", "new/cat/cat-001.jpg", "--model", "MODEL"]],
    ),
    "version": ("models/pets.history/versions/0001.keras", [flipped], _HISTORY),
    "parts": ("parts/models/pets.history/versions/0002.parts", [flipped], _HISTORY),
    "run": ("runs/pets/*/run.json", [other_json], [*_RUNS, ["train", "pets.yaml"]]),
    "resolved": ("runs/pets/*/config.resolved.yaml", [other_yaml], _RUNS),
    "state": (
        "runs/stopped/*/state/commit-*/state.json",
        [other_state],
        [["train", "stopped.yaml"], _RUNS[0]],
    ),
    "arrays": (
        "runs/stopped/*/state/commit-*/*.arrays",
        [flipped],
        [["train", "stopped.yaml"]],
    ),
    "log": ("runs/pets/*/training.csv", [other_csv], _RUNS),
    "facts": ("runs/pets/*/report.msgpack", [other_msgpack], [["report", "RUN"]]),
    "pixels": (".imgclf-cache/*.npy", [flipped], [["check", "pets.yaml"]]),
    "looks": (".imgclf-cache/*.looks", [flipped], [["check", "pets.yaml"]]),
    "names": (
        ".imgclf-cache/features-*.pictures",
        [flipped],
        [["train", "frozen.yaml", "--fresh"]],
    ),
    "rows": (".imgclf-cache/features-*.f16", [flipped], [["train", "frozen.yaml", "--fresh"]]),
    "graph": ("xdg/imgclf/graphs/*.tflite", [flipped], [["train", "frozen.yaml", "--fresh"]]),
    "entries": (".imgclf-cache/*.json", [other_json], [["check", "pets.yaml"], ["cache"]]),
}
_COPIED = ("models", "runs", ".imgclf-cache", "parts", "xdg")
_READ = ("dataset", "new", "pets.yaml", "frozen.yaml", "stopped.yaml", "stopper.py", "stop")


def case_of(kind: str, folder: Path) -> Callable[[int], str]:
    """The cases of a kind of file."""
    pattern, changes, commands = KINDS[kind]

    def case(number: int) -> str:
        random_ = random.Random(f"{kind} {number}")
        with tempfile.TemporaryDirectory(dir=folder) as work, chdir(work):
            for path in folder.iterdir():
                if path.name in _COPIED:
                    shutil.copytree(path, path.name, symlinks=True)
                elif path.name in _READ:
                    Path(path.name).symlink_to(path)
            target = random_.choice(sorted(Path().glob(pattern)))
            if random_.random() < 0.1:
                none_of_it(target, random_)
            else:
                change = flipped if random_.random() < 0.3 else random_.choice(changes)
                content = change(target.read_bytes(), random_)
                target.write_bytes(content)
                if kind == "graph":  # is known by its content
                    key, *_ = target.name.split(".")
                    digest = hashlib.sha256(content).hexdigest()
                    target.rename(target.with_name(f"{key}.{digest}.tflite"))
            here = Path("parts") if kind == "parts" else Path()
            model = "models/frozen.keras" if "frozen" in pattern else "models/pets.keras"
            names = {"MODEL": model, "RUN": str(next(iter(sorted(Path("runs/pets").glob("2*")))))}
            command = [names.get(word, word) for word in random_.choice(commands)]
            status, said = given(command, here)
            if kind == "journal" and random_.random() < 0.3:
                given([*_HISTORY[0][:2], model], here)
        return f"{kind}: status {status}\n{said[-600:]}"

    return case


@contextmanager
def _environment(**values: str) -> Iterator[None]:
    """With these variables, and as it was afterwards: cases run in a test's own process, too."""
    before, folder = dict(os.environ), tempfile.tempdir
    os.environ.update(values)
    tempfile.tempdir = None
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        tempfile.tempdir = folder


def given(command: Sequence[str], folder: Path) -> tuple[int, str]:
    """The exit status of a command, and what it has said; a fault of imgclf is raised."""
    said = io.StringIO()
    before = sys.argv
    sys.argv = ["imgclf", *command]
    own = {"TMPDIR": str(Path.cwd())}
    if Path("xdg").exists():
        own["XDG_CACHE_HOME"] = str(Path("xdg").absolute())
    status = 0
    try:
        with (
            _environment(**own),
            chdir(folder),
            redirect_stderr(said),
            redirect_stdout(io.StringIO()),
        ):
            main()
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else 0
    finally:
        sys.argv = before
    text = said.getvalue()
    steering = set(text) & {chr(one) for one in (*range(9), *range(11, 32), *range(127, 160))}
    assert not steering, (command, text)
    if status == 1:
        logs = [path.read_text("utf-8", "replace") for path in Path().glob("**/imgclf-*.log")]
        raise AssertionError(f"{command}: {text}\n{''.join(logs)[-1800:]}")
    return status, text
