"""`imgclf compare`: pretrained networks on one data set."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from imgclf.cli import app
from imgclf.commands.compare import compare
from imgclf.commands.train import Trained
from imgclf.config.load import load_config, with_overrides
from imgclf.data.dataset import read_config_dataset
from imgclf.errors import UsageError


@pytest.mark.slow
def test_networks_that_are_here_are_judged_and_others_are_said_how_to_get(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    names = f"{trained.model},MobileNetV2"
    arguments = ["compare", "pets.yaml", "--backbones", names, "-o", "plot.png"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    header, row = result.stdout.splitlines()
    found = dict(zip(header.split("\t"), row.split("\t"), strict=True))
    data = read_config_dataset(load_config(Path("pets.yaml")).config.data)
    assert found["backbone"] == str(trained.model)
    assert int(found["pictures"]) == len(data.validation)
    assert float(found["low"]) < float(found["accuracy"]) < float(found["high"]) or (
        float(found["accuracy"]) == float(found["high"]) == 1.0
    )
    assert float(found["milliseconds"]) > 0
    assert 0 < float(found["megabytes"]) < trained.model.stat().st_size / 1e6
    assert Path("plot.png").read_bytes().startswith(b"\x89PNG")
    said = result.stderr.splitlines()
    downloads = "the first training on it downloads them: model.backbone: MobileNetV2"
    assert f"left out, for its weights are not here: MobileNetV2 ({downloads})" in said
    assert said[-1] == f"next: imgclf train pets.yaml --set model.backbone={trained.model}"
    override = said[-1].partition("--set ")[2]
    with_overrides(load_config(Path("pets.yaml")), [override, "model.layers=[]"])


def test_what_can_not_be_compared_is_said_before_anything_is_looked_at(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(UsageError, match=r"of this name; did you mean EfficientNetLite1\?"):
        compare(Path("dataset"), ["efficientnet_lite1"])
    Path("plot.png").touch()
    with pytest.raises(UsageError, match=r"plot\.png is there already"):
        compare(Path("dataset"), plot=Path("plot.png"))
    with pytest.raises(UsageError, match="the plot is a PNG file"):
        compare(Path("dataset"), plot=Path("plot.svg"))


def test_where_no_weights_are_here_all_are_said_how_to_get(
    drawn: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(in_folder))
    with pytest.raises(UsageError) as caught:
        compare(drawn / "dataset", ["ResNet50", "MobileNetV2"])
    assert caught.value.message == "the weights of none of these networks are here"
    assert caught.value.hint is not None
    assert [line.partition(":")[0] for line in caught.value.hint.splitlines()] == [
        "ResNet50",
        "MobileNetV2",
    ]
