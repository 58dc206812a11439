"""What this machine has of what imgclf needs, what is wrong with it, and how to put it right.

Each part is looked at by itself, so that whatever is missing or broken is a line of the answer and
not the end of it. What may end a process is imported in one of its own.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from imgclf import __version__
from imgclf.errors import ModelFileError
from imgclf.system.disk import problem_of, size_text
from imgclf.system.health import Finding, Health, State
from imgclf.system.memory import memory_of_machine
from imgclf.system.packages import packages
from imgclf.work_folders import (
    CACHE_DIRECTORY,
    MODELS_DIRECTORY,
    RUNS_DIRECTORY,
    user_cache,
    user_state,
)

if TYPE_CHECKING:
    from imgclf.system.own_process import Answer

DEVICES = "devices"
"""Of what is tried: Keras on TensorFlow, and not a module alone."""

_TRIAL = "imgclf.commands.doctor_trial"
_SECONDS = 180  # for what takes five where nothing is wrong
_LIBRARIES = {
    "ai_edge_litert.interpreter": "predict without TensorFlow",
    "cv2": "augmentation",
    "h5py": "Keras's weights",
}
_LITTLE = 100_000_000  # bytes of a disk, which a model and its history may take
_ANEW = "install imgclf anew, in a fresh virtual environment"
_WHY = {"SIGILL": ": this processor lacks instructions that it is made of, AVX perhaps"}
_NVIDIA = Path("/proc/driver/nvidia/version")


def examine() -> Health:
    """Looks at everything; takes some five seconds, in which TensorFlow is started beside it."""
    parts: dict[str, Callable[[], Iterator[Finding]]] = {
        "machine": _machine,
        "packages": _packages,
        "libraries": _libraries,
        "weights": _weights,
        "folders": _folders,
        "terminal": _terminal,
        "locks": _locks,
    }
    found = [finding for about, look in parts.items() for finding in _looked_at(about, look)]
    return Health(all(one.state != "broken" for one in found), tuple(found))


def _looked_at(about: str, look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except ImportError as error:  # which of the packages, says their own part
        return [Finding(about, "(all)", f"can't be looked at: {error}", "broken", _ANEW)]


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "imgclf", f"{__version__} in {Path(__file__).parent.parent}")
    yield Finding("machine", "Python", f"{sys.version.split()[0]} in {sys.prefix}")
    yield Finding("machine", "system", f"{platform.system()} {platform.release()}")
    yield Finding("machine", "processor", f"{platform.machine()}, {_cores()}")
    memory = memory_of_machine()
    yield Finding("machine", "memory", "unknown" if memory is None else size_text(memory))


def _cores() -> str:
    count = os.cpu_count() or 1
    if sys.platform == "linux":
        count = len(os.sched_getaffinity(0))
    return "1 core" if count == 1 else f"{count} cores"


def _packages() -> Iterator[Finding]:
    try:
        found = packages()
    except metadata.PackageNotFoundError:
        said = "not installed as a package, so versions can't be compared"
        yield Finding("packages", "imgclf", said, "optional", "pip install .")
        return
    for one in found:
        state: State = "good" if one.fits else "broken" if one.extra is None else "optional"
        said = one.installed or "not installed"
        if not one.fits and one.installed is not None:
            said += f", wanted is {one.wanted}"
        name = one.name if one.extra is None else f"{one.name} ({one.extra})"
        yield Finding("packages", name, said, state, None if one.fits else one.to_install)


def _libraries() -> Iterator[Finding]:
    """In processes of their own, all at once."""
    from imgclf.system.own_process import ask

    what = [*_LIBRARIES, DEVICES]
    with ThreadPoolExecutor(len(what)) as executor:
        asked = executor.map(lambda one: ask(_TRIAL, [one], _SECONDS, gpus=True), what)
        *answers, devices = (_came_to(answer) for answer in asked)
    for (module, use), (_, why) in zip(_LIBRARIES.items(), answers, strict=True):
        yield _library(module, f"can be imported ({use})", why)
    result, why = devices
    yield _library("tensorflow and keras", "can be imported, and compute (training)", why)
    if result is None:
        return
    found = json.loads(result)
    gpus, bfloat16 = found["gpus"], found["bfloat16"]
    if gpus or not _NVIDIA.exists():
        yield Finding("devices", "GPU", ", ".join(gpus) or "none that TensorFlow can use")
    else:
        said = "there is one of NVIDIA's, and TensorFlow can't use it"
        yield Finding("devices", "GPU", said, "optional", "pip install 'tensorflow[and-cuda]'")
    precision = "float32, for nothing here computes in bfloat16"
    if bfloat16 is not None:
        precision = f"bfloat16 where some steps are faster in it, else float32 ({bfloat16})"
    yield Finding("devices", "precision: auto", precision)


def _came_to(answer: Answer | None) -> tuple[str | None, str | None]:
    """What a process came to, or why it didn't."""
    if answer is None:
        return None, "no process can be started here"
    if answer.message is not None:
        return None, answer.message
    if not answer.done:
        return None, f"its import ends the process ({answer.ended}){_WHY.get(answer.ended, '')}"
    return answer.result, None


def _library(name: str, good: str, why: str | None) -> Finding:
    if why is None:
        return Finding("libraries", name, good)
    return Finding("libraries", name, why, "broken", _ANEW)


def _weights() -> Iterator[Finding]:
    from imgclf.backbones.weight_files import PIP_WEIGHTS, downloaded, pip_weights

    for place, name in enumerate(PIP_WEIGHTS):
        try:
            yield Finding("weights", name, str(pip_weights(name)))
        except ModelFileError as error:  # the first comes with every installation
            state: State = "broken" if place == 0 else "optional"
            yield Finding("weights", name, error.message, state, error.hint)
    names = ", ".join(downloaded())
    yield Finding("weights", "downloaded by Keras", names or "none; the first training on one does")


def _folders() -> Iterator[Finding]:
    here = "work in a folder of your own: imgclf -C DIR ..."
    yield _folder("working directory", Path.cwd, "broken", here)
    places: tuple[tuple[str, Callable[[], Path | None], str], ...] = (
        ("decoded pictures", lambda: CACHE_DIRECTORY, "the user's cache is used"),
        ("user's cache", user_cache, "XDG_CACHE_HOME=FOLDER imgclf ..."),
        ("user's state", user_state, "XDG_STATE_HOME=FOLDER imgclf ..."),
        ("temporary files", lambda: Path(tempfile.gettempdir()), "TMPDIR=FOLDER imgclf ..."),
    )
    for name, find, remedy in places:
        yield _folder(name, find, "optional", remedy)


def _folder(name: str, find: Callable[[], Path | None], state: State, remedy: str) -> Finding:
    """Whether it can be written to, or be made, and how much room is there."""
    folder = None
    try:
        folder = find()
        if folder is None:
            return Finding("folders", name, "nobody knows where: no home", state, remedy)
        there = next(one for one in (folder, *folder.absolute().parents) if one.exists())
        with tempfile.TemporaryFile(dir=there):
            free = shutil.disk_usage(there).free
    except OSError as error:
        why = problem_of(error) or error.strerror or str(error)
        said = "there is none" if folder is None else f"{folder} can't be written to"
        return Finding("folders", name, f"{said}: {why}", state, remedy)
    said = f"{folder}, {size_text(free)} free"
    if free < _LITTLE:
        return Finding("folders", name, said, state, "imgclf cache --clear")
    return Finding("folders", name, said)


def _terminal() -> Iterator[Finding]:
    encoding = (sys.stdout.encoding or "unknown").lower()
    said = f"{encoding}{'' if sys.stdout.isatty() else ', no terminal'}"
    if encoding.replace("-", "") == "utf8":
        yield Finding("terminal", "letters", said)
    else:
        said += ": letters that it lacks are shown escaped"
        yield Finding("terminal", "letters", said, "optional", "export PYTHONUTF8=1")


def _locks() -> Iterator[Finding]:
    from imgclf.system.lock import is_locked

    places = [*MODELS_DIRECTORY.glob("[!.]*.keras"), *RUNS_DIRECTORY.glob("[!.]*")]
    held = [str(place) for place in sorted(places) if is_locked(place)]
    at_work = f"another imgclf is at work on {', '.join(held)}"
    yield Finding("locks", "models/ and runs/", at_work if held else "nobody is at work here")
