"""Each name of JAX that it doesn't promise to keep: it is there, and does what is relied on."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import imgclf

needs_jax = pytest.mark.skipif(
    find_spec("jax") is None, reason="JAX is not installed: pip install 'imgclf[distributed]'"
)

# In a process of its own, which is process 0 of one: the service of JAX, and its client.
ASKED = """\
import json, os, signal, sys, time
import jax
from imgclf.distribution import jax_private

found = {}
jax_private.run_one_step_at_a_time()
jax.distributed.initialize(sys.argv[1], 1, 0, cluster_detection_method="deactivate")

long = jax.jit(lambda a: jax.lax.fori_loop(0, 300, lambda i, b: b @ a, a))
long(jax.numpy.eye(300)).block_until_ready()  # compiled
found["done at once"] = long(jax.numpy.eye(300)).is_ready()

jax_private.tell("test/a", "said")
found["told"] = jax_private.wait_for("test/a", 1000)
try:
    jax_private.tell("test/a", "something else")
except RuntimeError as error:
    found["twice"] = type(error).__name__
try:
    jax_private.wait_for("test/never said", 10)
except RuntimeError as error:
    found["never"] = type(error).__name__

found["agreed before"] = any(jax_private.stop_is_agreed(step) for step in range(1, 4))
os.kill(os.getpid(), signal.SIGTERM)
step, until = 3, time.monotonic() + 30
found["agreed after"] = False
while not found["agreed after"] and time.monotonic() < until:
    step += 1
    found["agreed after"] = jax_private.stop_is_agreed(step)
    time.sleep(0.01)
found["asked again"] = jax_private.stop_is_agreed(step + 1)
jax.distributed.shutdown()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port: int = listening.getsockname()[1]
    done = subprocess.run(
        [sys.executable, "-c", ASKED, f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=120,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )
    assert done.returncode == 0, done.stderr
    read: dict[str, Any] = json.loads(done.stdout)
    return read


@pytest.mark.slow
@needs_jax
def test_a_step_is_done_when_the_next_one_is_asked_for(found: dict[str, Any]) -> None:
    assert found["done at once"] is True


@pytest.mark.slow
@needs_jax
def test_what_one_process_tells_another_can_wait_for(found: dict[str, Any]) -> None:
    assert found["told"] == "said"


@needs_jax
def test_a_key_is_told_once_and_waiting_ends(found: dict[str, Any]) -> None:
    # Of subclasses of RuntimeError, by which they are told apart from what else goes wrong.
    assert {"twice", "never"} <= set(found)


@needs_jax
def test_all_stop_at_a_step_that_is_agreed_on_after_sigterm(found: dict[str, Any]) -> None:
    assert found["agreed before"] is False
    assert found["agreed after"] is True
    assert found["asked again"] is False


@needs_jax
def test_what_jax_says_of_a_lost_process_is_known_by_its_words() -> None:
    from imgclf.distribution.jax_private import speaks_of_a_lost_process

    said = "FAILED_PRECONDITION: Gloo all-reduce failed: Connection closed by peer"
    assert speaks_of_a_lost_process(said)
    assert not speaks_of_a_lost_process("RESOURCE_EXHAUSTED: Out of memory")


def test_nothing_else_of_jax_that_is_private_is_used_in_the_package() -> None:
    package = Path(imgclf.__file__).parent
    private = re.compile(r"jax\._|_src|jax\.experimental|global_state\.client")
    users = {
        str(file.relative_to(package))
        for file in package.rglob("*.py")
        if private.search(file.read_text("utf-8"))
    }
    assert users == {"distribution/jax_private.py"}
