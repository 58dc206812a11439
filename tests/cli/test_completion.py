"""Completion, asked for as shells ask, and in the shells that are here."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from imgclf.cli import COMMANDS
from imgclf.commands.train import Trained
from imgclf.model_file.lookup import MANIFEST
from tests.support.command_line import imported_by

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`imgclf` as pip installs it, in a folder of its own."""
    file = tmp_path_factory.mktemp("bin") / "imgclf"
    file.write_text(f"#!{sys.executable}\nfrom imgclf.__main__ import main\n\nmain()\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def environment(script: Path, **more: str) -> dict[str, str]:
    path = os.pathsep.join([str(script.parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "PYTHONPATH": str(ROOT), **more}


def offered(script: Path, *words: str) -> list[str]:
    """What bash is told for the last of these words; nothing else may be printed."""
    done = subprocess.run(
        [script],
        env=environment(
            script,
            _IMGCLF_COMPLETE="complete_bash",
            COMP_WORDS="\n".join(["imgclf", *words]),
            COMP_CWORD=str(len(words)),
        ),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.split("\n")[:-1] if done.stdout.strip() else []


def test_commands_options_and_choices_are_offered(script: Path, in_folder: Path) -> None:
    assert set(offered(script, "")) == set(COMMANDS)
    assert offered(script, "ret") == ["retrain"]
    assert offered(script, "rollback", "--mo") == ["--model"]
    assert offered(script, "predict", "--format", "") == ["table", "tsv", "csv", "jsonl"]
    assert offered(script, "--version", "tra") == ["train"]  # and no version printed


def test_names_of_models_versions_runs_and_classes_are_offered(
    script: Path, trained: Trained
) -> None:
    shutil.copy("models/pets.keras", "models/other.keras")
    for number in ("0001.keras", "0012.parts", "notes.txt"):
        Path("models/pets.history/versions").mkdir(parents=True, exist_ok=True)
        Path("models/pets.history/versions", number).touch()
    assert offered(script, "predict", "a.jpg", "--model", "") == ["other", "pets"]
    assert offered(script, "evaluate", "--against", "o") == ["other"]
    assert offered(script, "rollback", "-m", "pets", "") == ["12", "1"]
    assert offered(script, "report", "") == ["pets"]
    assert offered(script, "runs", "p") == ["pets"]
    assert offered(script, "retrain", "a.jpg", "-m", "pets", "--label", "") == ["cat", "dog"]
    assert offered(script, "retrain", "a.jpg", "--label", "") == []  # of which of the two?
    Path("models/other.keras").unlink()
    assert offered(script, "retrain", "a.jpg", "--label", "d") == ["dog"]
    os.chdir("..")
    assert offered(script, "-C", "work", "retrain", "a.jpg", "--label", "d") == ["dog"]
    assert offered(script, "retrain", "-C", "work", "a.jpg", "--label", "d") == ["dog"]
    assert offered(script, "predict", "wo") == []  # files are the shell's own business


def with_classes(path: str, names: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(MANIFEST, '{"class_names": ' + names + "}")


@pytest.mark.parametrize(
    "names",
    ["", "7", '{"cat": 1}', "[" * 100_000, '["$(touch hit)", "a`b`", "c\\n", "*", "\'", 7]'],
    ids=["no list", "a number", "an object", "too deep", "hostile"],
)
def test_damage_and_hostile_names_offer_nothing(script: Path, in_folder: Path, names: str) -> None:
    Path("models").mkdir()
    with_classes("models/pets.keras", names)
    assert offered(script, "retrain", "a.jpg", "--label", "") == []


def test_what_is_no_model_offers_nothing(script: Path, in_folder: Path) -> None:
    label = ("retrain", "a.jpg", "--label", "")
    assert offered(script, *label) == []
    Path("models").mkdir()
    Path("models/pets.keras").write_text("no zip")
    assert offered(script, *label) == []
    Path("models/pets.keras").unlink()
    os.mkfifo("models/pets.keras")
    assert offered(script, *label) == []
    Path("runs").mkdir()
    for name in ("$(touch hit)", "a'b", "a\\b", ".hidden", "two words"):
        Path("runs", name).mkdir()
    assert offered(script, "runs", "") == ["two\\ words"]
    assert offered(script, "-C", "gone", "runs", "") == []


def test_it_imports_little() -> None:
    """What takes long: 0.1 seconds of a processor are all of it, and a test can't time them."""
    os.environ["_IMGCLF_COMPLETE"] = "complete_bash"
    try:
        heavy = {"numpy", "PIL", "msgspec", "rich", "pydantic", "yaml", "tensorflow", "keras"}
        assert not heavy & imported_by_completion()
    finally:
        del os.environ["_IMGCLF_COMPLETE"]
    assert "typer" in imported_by("--help")


def imported_by_completion() -> set[str]:
    program = (
        "import sys, atexit; sys.argv[0] = 'imgclf'\n"
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr))\n"
        "from imgclf.cli import main; main()"
    )
    words = {"COMP_WORDS": "imgclf\nretrain\na\n--label\n", "COMP_CWORD": "4"}
    done = subprocess.run(
        [sys.executable, "-c", program], env={**os.environ, **words}, capture_output=True, text=True
    )
    assert "imgclf.model_file.lookup" in done.stderr
    return set(done.stderr.split())


def in_shell(script: Path, shell: str, *program: str) -> str:
    if shutil.which(shell) is None:
        pytest.skip(f"needs {shell}")
    done = subprocess.run(
        [shell, *program], env=environment(script), capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    return done.stdout


@pytest.fixture
def two_models(in_folder: Path) -> None:
    Path("models").mkdir()
    with_classes("models/pets.keras", '["cat", "golden retriever"]')
    with_classes("models/plants.keras", '["oak", "elm"]')


def test_bash_completes(script: Path, two_models: None) -> None:
    program = """
    source <(imgclf --show-completion; true)
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _imgclf_completion imgclf; }
    ask imgclf predict --model p; printf '%s\\n' "${COMPREPLY[@]}"
    ask imgclf retrain x -m pets --label go; printf '%s\\n' "${COMPREPLY[@]}"
    ask imgclf retrain x -m pets --label 'golden\\ r'; printf '%s\\n' "${COMPREPLY[@]}"
    ask imgclf predict a.j; echo "${#COMPREPLY[@]}"
    complete -p imgclf
    """
    assert in_shell(script, "bash", "--norc", "-c", program).splitlines() == [
        "pets",
        "plants",
        "golden\\ retriever",
        "golden\\ retriever",
        "0",
        "complete -o default -F _imgclf_completion imgclf",
    ]


def test_zsh_completes(script: Path, two_models: None) -> None:
    """`_arguments` and `_files` are zsh's own, and need a terminal; here they say what they get."""
    program = """
    compdef() { }
    _arguments() { print -r -- "$@" }
    _files() { print files }
    source =(imgclf --show-completion; true)
    words=(imgclf retrain x -m pets --label ''); CURRENT=7; _imgclf_completion
    words=(imgclf predict a.j); CURRENT=3; _imgclf_completion
    """
    assert in_shell(script, "zsh", "-f", "-c", program) == (
        '*: :(("cat" "golden retriever"))\nfiles\n'
    )


def test_fish_completes(script: Path, two_models: None) -> None:
    program = "imgclf --show-completion | source; complete --do-complete 'imgclf predict -m p'"
    assert in_shell(script, "fish", "--no-config", "-c", program) == "pets\nplants\n"


def test_it_is_installed_for_the_shell_that_it_is_typed_in(script: Path, in_folder: Path) -> None:
    for _ in range(2):
        done = subprocess.run(
            ["bash", "--norc", "-c", "imgclf --install-completion; true"],
            env=environment(script, HOME=str(in_folder)),
            capture_output=True,
            text=True,
        )
        file = in_folder / ".bash_completions" / "imgclf.sh"
        assert (done.stdout, done.stderr) == (
            f"completion for bash is written to {file}; it works in a new terminal\n",
            "",
        )
    assert Path(".bashrc").read_text().count(f"source '{file}'") == 1
    asked = subprocess.run(
        ["bash", "--rcfile", ".bashrc", "-i", "-c", "complete -p imgclf"],
        env=environment(script, HOME=str(in_folder)),
        capture_output=True,
        text=True,
        start_new_session=True,
    )
    assert asked.stdout == "complete -o default -F _imgclf_completion imgclf\n"
