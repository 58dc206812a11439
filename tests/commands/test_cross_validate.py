"""Cross-validation of a config: each picture judged by a training without it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path

import numpy as np
import pytest

from imgclf.commands import cross_validate as command
from imgclf.commands.cross_validate import cross_validate
from imgclf.commands.train import Trained
from imgclf.config.network import Network
from imgclf.data.dataset import DataSet
from imgclf.errors import UsageError
from imgclf.model.cross_validated import CrossValidated
from imgclf.model.engine import KerasEngine
from imgclf.model.intervals import wilson
from imgclf.model_file.archive import MANIFEST
from imgclf.report.cross_validation import cross_validation_table
from imgclf.training.fit import Fitted
from imgclf.training.networks import published_network
from tests.support.model_files import rewritten
from tests.support.trainings import CONFIG

# Three litters of ten of each animal; a litter must not be divided.
GROUPED = CONFIG.replace("data: {", "data: {groups: '-0(\\d)', ").replace("epochs: 4", "epochs: 2")


@pytest.fixture(scope="module")
def validated(
    drawn: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[CrossValidated, list[DataSet], set[Path]]]:
    """What came of it, the data sets that were trained on, and what it has left in the folder."""
    folder = tmp_path_factory.mktemp("validated")
    shutil.copytree(drawn / "dataset", folder / "dataset")
    trained_on: list[DataSet] = []
    train_and_judge = command._train_and_judge

    def seen(network: object, data: DataSet, loaded: object) -> object:
        trained_on.append(data)
        return train_and_judge(network, data, loaded)  # type: ignore[arg-type]

    with chdir(folder), pytest.MonkeyPatch.context() as patch:
        patch.setattr(command, "_train_and_judge", seen)
        Path("pets.yaml").write_text(GROUPED)
        found = cross_validate(Path("pets.yaml"), 2, ["data.validation_split=0.3"])
        left = {path for path in Path().iterdir() if path.name != ".imgclf-cache"}
    yield found, trained_on, left


def test_each_picture_is_judged_once_and_by_a_training_without_its_group(
    validated: tuple[CrossValidated, list[DataSet], set[Path]],
) -> None:
    _, trained_on, _ = validated
    judged = [picture.path for data in trained_on for picture in data.test.pictures]
    assert len(set(judged)) == len(judged) == 60
    for data in trained_on:
        litters = [{one.path.stem[-3:-1] for one in part.pictures} for part in data.parts]
        assert not litters[0] & litters[2] and not litters[1] & litters[2]
        assert not litters[0] & litters[1]
        assert sum(map(len, data.parts)) == 60


def test_the_folds_and_all_pictures_together_are_scored(
    validated: tuple[CrossValidated, list[DataSet], set[Path]],
) -> None:
    found, trained_on, _ = validated
    right = [round(fold.scores.accuracy * fold.scores.pictures) for fold in found.folds]
    assert [fold.scores.pictures for fold in found.folds] == [len(one.test) for one in trained_on]
    assert found.mean_accuracy == pytest.approx(
        sum(fold.scores.accuracy for fold in found.folds) / 2
    )
    assert (found.evaluation.part, found.evaluation.pictures) == ("cross-validation", 60)
    assert found.evaluation.accuracy == pytest.approx(sum(right) / 60)
    assert found.evaluation.accuracy_interval == wilson(sum(right), 60)
    lines = cross_validation_table(found).splitlines()
    assert lines[0].split()[:4] == ["fold", "trained-on", "pictures", "accuracy"]
    assert lines[5].startswith(f"cross-validation accuracy: {found.evaluation.accuracy:.4f} (60 ")


def test_nothing_is_published_and_no_run_is_begun(
    validated: tuple[CrossValidated, list[DataSet], set[Path]],
) -> None:
    assert validated[2] == {Path("dataset"), Path("pets.yaml")}


def test_on_a_pretrained_network_the_head_on_features_says_what_the_whole_network_does(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs, compared = command._outputs, []

    def both(network: Network, data: DataSet, features: object, fitted: Fitted) -> object:
        quick = outputs(network, data, features, fitted)  # type: ignore[arg-type]
        whole = KerasEngine(published_network(network, fitted.weights))
        for part, found in zip((data.validation, data.test), quick, strict=False):
            said = np.concatenate([whole.run(batch) for batch in part.batches()])
            np.testing.assert_allclose(found, said, atol=2e-3)  # features are kept as float16
            compared.append(len(part))
        return quick

    monkeypatch.setattr(command, "_outputs", both)
    config = "data: {directory: dataset, image_size: 32}\nmodel: {backbone: models/pets.keras}\n"
    Path("on.yaml").write_text(config + "training: {epochs: 2}\n")
    found = cross_validate(Path("on.yaml"), 2)
    assert compared == [6, 30, 6, 30]
    assert found.evaluation.pictures == 60
    assert {path.name for path in Path("runs").iterdir() if path.is_dir()} == {"pets"}


def test_too_many_folds_are_refused_before_a_training(trained: Trained) -> None:
    with pytest.raises(UsageError, match=r"cat has too few pictures for so many folds"):
        cross_validate(trained.model, 31)
    with pytest.raises(UsageError, match=r"--cross-validate 1: allowed are numbers from 2 on"):
        cross_validate(trained.model, 1)


def test_a_model_s_file_runs_no_code(trained: Trained) -> None:
    def edit(content: bytes) -> bytes:
        manifest = json.loads(content)
        manifest["config"]["callbacks"] = ["mine.py:Mine"]
        return json.dumps(manifest).encode()

    Path("mine.py").write_text("raise SystemExit('ran')")
    with pytest.raises(UsageError, match=r"code of somebody's own \(mine.py:Mine\)"):
        cross_validate(rewritten(trained.model, MANIFEST, edit), 2)
