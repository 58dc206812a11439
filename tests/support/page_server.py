"""Answers `imgclf` and `python` for shells: each is a fork of a process that has TensorFlow.

Importing it takes seconds, and a page of the documentation has ten commands.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import sys
import traceback
from importlib import import_module
from pathlib import Path

# What a shell finds as `imgclf` and as `python`. It says where and with what it was called, hands
# over its streams, passes signals on, and ends as the fork does.
CALLER = """\
#!{python} -IS
import json, os, signal, socket, sys
server = socket.socket(socket.AF_UNIX)
server.connect({address!r})
call = [os.path.basename(sys.argv[0]), sys.argv[1:], os.getcwd(), dict(os.environ)]
socket.send_fds(server, [json.dumps(call).encode()], [0, 1, 2])
process = int(server.recv(16))
for name in (signal.SIGINT, signal.SIGTERM):
    signal.signal(name, lambda number, _: os.kill(process, number))
os._exit(int(server.recv(16) or 70))
"""
_IMPORTED = (
    "imgclf.backend:keras",
    "tensorflow",
    "h5py",
    "ai_edge_litert.interpreter",
    "imgclf.commands.train",
    "imgclf.commands.predict",
    "imgclf.commands.retrain",
    "imgclf.commands.evaluate",
)


def serve(address: Path) -> None:
    """Answers until it is killed; prints a line when it is ready."""
    for name in _IMPORTED:
        module, _, attribute = name.partition(":")
        imported = import_module(module)
        if attribute:
            getattr(imported, attribute).Sequential  # noqa: B018  now, and not at first use
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(address))
        listener.listen(8)
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)
        print("ready", flush=True)
        while True:
            caller, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(caller)
            caller.close()


def _answer(caller: socket.socket) -> None:
    status = 1
    try:
        message, streams, _, _ = socket.recv_fds(caller, 1 << 20, 3)
        program, arguments, directory, environment = json.loads(message)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        sys.stdin, sys.stdout, sys.stderr = open(0), open(1, "w"), open(2, "w")  # noqa: SIM115
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(directory)
        caller.sendall(b"%-16d" % os.getpid())
        status = _run(program, arguments)
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:
        traceback.print_exc()
        sys.stderr.flush()
    caller.sendall(b"%d" % status)
    os._exit(status)


def _run(program: str, arguments: list[str]) -> int:
    try:
        if program == "imgclf":
            sys.argv = ["imgclf", *arguments]
            sys.modules["__main__"].__package__ = ""  # or usage errors would speak of this module
            import_module("imgclf.__main__").main()
        else:
            sys.path.insert(0, "")
            _run_python(arguments)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
    return 0


def _run_python(arguments: list[str]) -> None:
    if arguments[0] == "-m":
        sys.argv = arguments[1:]
        runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = arguments
        runpy.run_path(arguments[0], run_name="__main__")


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
