"""A process that lacks what only POSIX has, as far as imgclf could see it.

    python -m tests.support.elsewhere

What others have imported stays as it is; imgclf is then imported anew on "Windows": without
`fcntl` and its like, without the names that `os`, `signal` and `time` lack there, and without Keras
(whose modules mypy alone looks at for Windows).
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import signal
import sys
import time
from importlib.abc import MetaPathFinder
from pathlib import Path

MODULES = ("fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "readline")
_FRAMEWORKS = ("keras", "tensorflow", "jax")
NAMES = {  # but for those that other packages use, which believe to be on POSIX still
    os: (
        "O_TMPFILE WIFEXITED chown fork forkpty getpgid killpg mkfifo posix_fallocate set_blocking "
        "setpgid setsid sysconf"
    ),
    signal: "SIGALRM SIGCHLD SIGHUP SIGKILL SIGPIPE SIGUSR1 alarm pthread_sigmask setitimer",
    time: "CLOCK_BOOTTIME CLOCK_MONOTONIC clock_gettime tzset",
}


class Missing(MetaPathFinder):
    """Finds that a module isn't there."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self.names = names

    def find_spec(self, name: str, path: object, target: object = None) -> None:
        if name in self.names:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def import_everything() -> tuple[list[str], list[str]]:
    """The modules of imgclf that could be imported, and those that need Keras for it."""
    import imgclf

    done, need_keras = [], []
    for found in pkgutil.walk_packages(imgclf.__path__, "imgclf."):
        if found.name == "imgclf.__main__":
            continue
        try:
            importlib.import_module(found.name)
            done.append(found.name)
        except ImportError as error:
            if not any(name in str(error) for name in _FRAMEWORKS):
                raise
            need_keras.append(found.name)
    return done, need_keras


def take_away() -> None:
    """From here on imgclf is on a system that has none of this."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "imgclf"]:
        del sys.modules[name]
    for name in MODULES:
        sys.modules.pop(name, None)
    sys.meta_path.insert(0, Missing(MODULES))
    for module, names in NAMES.items():
        for name in names.split():
            if hasattr(module, name):
                delattr(module, name)
    sys.platform = "win32"


def write_files() -> None:
    """What commands write by: files, folders, and their locks."""
    from imgclf.system.files import atomic_folder, atomic_write_text, temporary_files
    from imgclf.system.lock import lock

    with lock(Path("models/pets.keras")):
        for text in ("first", "second"):
            atomic_write_text(Path("written/file.txt"), text)
    with atomic_folder(Path("written/folder")) as folder:
        (folder / "inside.txt").write_text("inside")
    with temporary_files() as folder:
        assert folder.is_dir()
    written = sorted(str(path) for path in Path("written").rglob("*"))
    print(*written, Path("written/file.txt").read_text())


def main() -> None:
    """Imports all that can be, here and elsewhere, and writes files."""
    sys.meta_path.insert(0, Missing(_FRAMEWORKS))
    here, _ = import_everything()
    take_away()
    elsewhere, need_keras = import_everything()
    print(here == elsewhere, len(elsewhere), len(need_keras))
    write_files()


if __name__ == "__main__":
    main()
