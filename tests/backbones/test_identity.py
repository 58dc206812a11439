"""The key of a backbone: another one whenever another network would be built."""

from __future__ import annotations

from pathlib import Path

import pytest

from imgclf.backbones import identity
from imgclf.backbones.identity import weights_identity
from imgclf.backbones.weight_files import keras_file
from imgclf.config.backbone import Backbone

LITE = Backbone(name="EfficientNetLite0")


def test_it_is_the_same_for_the_same() -> None:
    again = Backbone(name="EfficientNetLite0", weights="imagenet")
    found = weights_identity(LITE, (224, 224))
    assert found == weights_identity(again, (224, 224))
    assert found is not None
    assert len(found) == 64


def test_it_changes_with_network_size_weights_versions_and_builder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pth").write_bytes(b"a")
    (tmp_path / "b.pth").write_bytes(b"b")
    backbones = [
        LITE,
        Backbone(name="EfficientNetLite1"),
        Backbone(name="EfficientNetLite0", weights=str(tmp_path / "a.pth")),
        Backbone(name="EfficientNetLite0", weights=str(tmp_path / "b.pth")),
        Backbone(name="EfficientNetLite1", weights=str(tmp_path / "a.pth")),
    ]
    keys = [weights_identity(backbone, (224, 224)) for backbone in backbones]
    keys.append(weights_identity(LITE, (224, 240)))
    keys.append(weights_identity(LITE, (240, 224)))
    with monkeypatch.context() as patch:
        patch.setattr(identity, "_BUILDER_VERSION", 0)
        keys.append(weights_identity(LITE, (224, 224)))
    with monkeypatch.context() as patch:
        patch.setattr(identity, "version", lambda name: "0")
        keys.append(weights_identity(LITE, (224, 224)))
    assert None not in keys
    assert len(set(keys)) == len(keys)


def test_a_file_is_known_by_what_is_in_it(tmp_path: Path) -> None:
    first, second = tmp_path / "a.keras", tmp_path / "b.keras"
    first.write_bytes(b"same")
    second.write_bytes(b"same")
    keys = {weights_identity(Backbone(name=str(one)), (64, 64)) for one in (first, second)}
    assert len(keys) == 1
    second.write_bytes(b"other")
    assert weights_identity(Backbone(name=str(second)), (64, 64)) not in keys


def test_there_is_none_for_random_weights_nor_for_weights_that_are_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    network = Backbone(name="VGG16")
    assert weights_identity(Backbone(name="EfficientNetLite0", weights="none"), (64, 64)) is None
    assert weights_identity(Backbone(name=str(tmp_path / "none.keras")), (64, 64)) is None
    assert weights_identity(network, (64, 64)) is None
    path = keras_file("VGG16", (64, 64))
    path.parent.mkdir()
    path.write_bytes(b"weights")
    found = weights_identity(network, (64, 64))
    assert found is not None
    path.write_bytes(b"others")
    assert weights_identity(network, (64, 64)) not in (None, found)
