"""The trainings that benchmarks/pretrained.py measures, each a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.train import HERE, Process, Row, make_thumbnails

FROZEN = HERE.parent / "configs/pretrained.yaml"
FINE_TUNED = HERE.parent / "configs/fine-tuned.yaml"


class Trainings:
    """Trains in working directories below one temporary folder.

    The user's cache is in there, too; the backbone's graph gets there before anything is measured.

    Args:
        overrides: To set in all trainings; what they say of `training.fine_tune` only where the
            config has that, for in another it would begin a second phase.

    Attributes:
        folder: The temporary one.
    """

    def __init__(self, overrides: list[str], folder: Path) -> None:
        self.folder = folder
        self._cache = folder / "cache"
        self._overrides = overrides

    def directory(self) -> Path:
        """A new one, empty."""
        return Path(tempfile.mkdtemp(dir=self.folder))

    def train(
        self,
        pictures: Path,
        work: Path,
        *options: str,
        config: Path = FROZEN,
        cache: Path | None = None,
        memory: bool = False,
    ) -> Process:
        """Trains to the end.

        Args:
            options: To set, before those for all trainings.
            cache: The user's cache folder, if it is another one.
            memory: Whether to look at the memory meanwhile.
        """
        if cache is None:
            cache = self._cache
            if not cache.exists():
                self._prepare()
        given = [
            one
            for one in self._overrides
            if config == FINE_TUNED or "training.fine_tune" not in one
        ]
        command = ["-m", "imgclf", "train", str(config), "--fresh"]
        for option in [f"data.directory={pictures}", *options, *given]:
            command += ["--set", option]
        environment = {"XDG_CACHE_HOME": str(cache)}
        return Process(command, work, memory=memory, timed=False, environment=environment)

    def _prepare(self) -> None:
        self._cache.mkdir()
        thumbnails = self.folder / "thumbnails"
        make_thumbnails(thumbnails)
        self.train(thumbnails, self.directory(), "training.epochs=1")

    def scored(self, pictures: Path, test: Path, seed: int, *options: str, config: Path) -> Row:
        """Trains with a seed, and finds out what is right of the test pictures."""
        work = self.directory()
        seeds = [f"training.seed={seed}", f"data.seed={seed}"]
        process = self.train(pictures, work, *options, *seeds, config=config)
        command = [sys.executable, "-m", "imgclf", "evaluate", str(test), "--json"]
        said = subprocess.run(command, cwd=work, check=True, capture_output=True).stdout
        accuracy = json.loads(said)["accuracy"]
        return {"accuracy": accuracy, "seconds": process.seconds, "seed": [seed]}

    def model(self, given: Path | None, pictures: Path) -> Path:
        """The model that was given, or else one that is trained on the pictures."""
        if given is not None:
            return given.resolve()
        work = self.directory()
        self.train(pictures, work)
        return model_in(work)


def model_in(work: Path) -> Path:
    """The model that was trained in a working directory."""
    (model,) = (work / "models").glob("*.keras")
    return model
