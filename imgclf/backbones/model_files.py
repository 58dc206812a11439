"""Classifiers of ours, and adopted ones, up to what their last Dense layer decides by."""

from __future__ import annotations

from pathlib import Path

from imgclf.backbones.own_names import PREFIX, prefixed
from imgclf.backend import keras
from imgclf.errors import ModelFileError
from imgclf.model.flat_graph import flat_copy
from imgclf.model.layer_names import FEATURES, STANDARDIZATION
from imgclf.model_file.archive import ModelArchive
from imgclf.model_file.first_opening import open_apart
from imgclf.model_file.keras_io import load_checked
from imgclf.model_file.screening import screen_graph

# What the names of all layers begin with that corrections have added.
_CORRECTIONS = f"{PREFIX}corrections"

# What hands on its input, when it predicts.
_SILENT = ("AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "Identity")
_MIXING = ("AugMix", "CutMix", "MixUp", "RandAugment")


def build_from_model_file(path: Path) -> keras.Model:
    """The network in a model file up to its last Dense layer, without what corrections added.

    Its augmentation is left out: a config that takes it for a backbone declares its own.

    Args:
        path: A model file of ours.

    Raises:
        ModelFileError: It is missing, damaged, not to be trusted, or has no Dense layer at its end.
        WriteError: There is no room for temporary files, which Keras needs.
    """
    with ModelArchive(path) as archive:
        archive.verify_weights(archive.manifest())
        open_apart(path, "plain")
        contents = screen_graph(archive)
    model = load_checked(path, contents, compiled=False)
    flat = flat_copy(model, prefixed, keep=_acts_in_prediction, dtype=keras.config.dtype_policy())
    features = _last_features(flat)
    if features is None:
        raise ModelFileError(
            f"{path} can't be built on: it doesn't end in a Dense layer",
            "choose another: a model that imgclf train made, say",
        )
    return keras.Model(flat.inputs[0], features)


def _acts_in_prediction(operation: keras.Operation) -> bool:
    kind = type(operation).__name__
    augments = kind in _MIXING or (kind.startswith("Random") and kind != "RandomCrop")
    return not augments


def _last_features(model: keras.Model) -> keras.KerasTensor | None:
    """What its last Dense layer takes, as the map that it was averaged from if it was."""
    makers = {
        id(tensor): operation
        for operation in model.operations
        for tensor in keras.tree.flatten(operation.output)
    }
    values = model.outputs[0]
    while len(values.shape) == 2:
        maker = makers[id(values)]
        if isinstance(maker, keras.layers.Dense) and not maker.name.startswith(_CORRECTIONS):
            return _unpooled(maker.input, makers)
        # Corrections are added to the logits, and new classes come after the old ones.
        values = keras.tree.flatten(maker.input)[0]
    return None


def _unpooled(features: keras.KerasTensor, makers: dict[int, keras.Operation]) -> keras.KerasTensor:
    """The last feature map that features are the averages of; the features if there is none."""
    while type(makers[id(features)]).__name__ in _SILENT:
        features = makers[id(features)].input
    values = features
    if makers[id(values)].name == f"{PREFIX}{STANDARDIZATION}":
        before = makers[id(makers[id(values)].input)]
        if before.name == f"{PREFIX}{FEATURES}":
            # Whatever is built on it standardizes them by pictures of its own.
            values = before.output
    maker = makers[id(values)]
    if isinstance(maker, keras.layers.GlobalAveragePooling2D) and not maker.keepdims:
        return maker.input
    return maker.input if maker.name == f"{PREFIX}{FEATURES}" else features
