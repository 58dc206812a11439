"""The pretrained network that a model is built on, and what follows from it in a config."""

from __future__ import annotations

from collections.abc import Mapping

from imgclf.config.keras_signatures import applications
from imgclf.config.spec import Declared, Spec
from imgclf.errors import nearest_match

LITE = ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2")
"""Networks that imgclf builds itself; their weights come with pip."""

IMAGENET = "imagenet"
"""The weights that a network is known by, learned from the photos of ImageNet."""

NO_WEIGHTS = "none"
"""Random ones."""

MODEL_SUFFIX = ".keras"
"""What the path of a model file ends in."""

_USUAL_SIZE = 224

# Of those that were trained on pictures of another size; a test asks Keras for its own.
_SIZES: Mapping[str, int] = {
    "EfficientNetLite1": 240,
    "EfficientNetLite2": 260,
    "EfficientNetB1": 240,
    "EfficientNetB2": 260,
    "EfficientNetB3": 300,
    "EfficientNetB4": 380,
    "EfficientNetB5": 456,
    "EfficientNetB6": 528,
    "EfficientNetB7": 600,
    "EfficientNetV2B1": 240,
    "EfficientNetV2B2": 260,
    "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384,
    "EfficientNetV2M": 480,
    "EfficientNetV2L": 480,
    "InceptionResNetV2": 299,
    "InceptionV3": 299,
    "NASNetLarge": 331,
    "Xception": 299,
}

_VARIATIONS = (
    Spec(name="RandomFlip", arguments={"mode": "horizontal"}),
    # Together a part of the picture: nearer, never farther, and not always its middle.
    Spec(name="RandomZoom", arguments={"height_factor": [-0.24, 0]}),
    Spec(name="RandomTranslation", arguments={"height_factor": 0.1, "width_factor": 0.1}),
    Spec(name="RandomBrightness", arguments={"factor": 0.2}),
    Spec(name="RandomContrast", arguments={"factor": 0.2}),
)


class Backbone(Declared):
    """A pretrained network as a config declares it: `EfficientNetLite0`.

    Attributes:
        name: One of `LITE`, a network of `keras.applications`, or the path of a model file, of
            which all is taken that comes before its last Dense layer.
        weights: "imagenet", "none" for random ones, or a file. A model file has its own, and says
            "imagenet" like those that say nothing.
    """

    name: str
    weights: str = IMAGENET

    @property
    def is_file(self) -> bool:
        """Whether it is taken from a model file."""
        return is_model_path(self.name)

    @property
    def weights_file(self) -> str | None:
        """The path of its weights, if they are from a file of their own."""
        return None if self.weights in (IMAGENET, NO_WEIGHTS) else self.weights

    @property
    def own_file(self) -> str | None:
        """The path of the file that it is made from, if that is the user's own."""
        return self.name if self.is_file else self.weights_file

    def written(self) -> str | dict[str, dict[str, str]]:
        """The form that a config has: `NAME`, or `{NAME: {weights: ...}}`."""
        if self.weights == IMAGENET:
            return self.name
        return {self.name: {"weights": self.weights}}


def is_model_path(name: str) -> bool:
    """Whether the name of a backbone is a model file's path."""
    return name.endswith(MODEL_SUFFIX)


def network_names() -> tuple[str, ...]:
    """The pretrained networks that are known by name: our own, then those of Keras."""
    return (*LITE, *applications())


def nearest_network(word: str) -> str | None:
    """The network that was probably meant by a word that is no name of one.

    Keras's own modules (`mobilenet_v2`) and what papers write (`EfficientNet-B0`) differ from the
    names by case and by what stands between the words; a family alone stands for its first.
    """
    names = {_folded(name): name for name in network_names()}
    folded = _folded(word)
    begun = [name for key, name in names.items() if len(folded) > 2 and key.startswith(folded)]
    nearest = begun[0] if begun else nearest_match(folded, names)
    return names.get(nearest, nearest) if nearest else None


def default_image_size(name: str) -> int | None:
    """The side of the square pictures that a network was trained on.

    Args:
        name: Of a backbone.

    Returns:
        None for a model file, which has to be asked itself.
    """
    return None if is_model_path(name) else _SIZES.get(name, _USUAL_SIZE)


def default_augmentation(*, fine_tuned: bool) -> tuple[Spec, ...]:
    """How pictures are varied if a config with a backbone doesn't say.

    Not at all while the network stays as it is: features of mirrored pictures take as long again to
    compute, and were found to bring nothing (docs/pretrained.md). When the network itself is
    trained, each epoch sees pictures of its own.
    """
    return _VARIATIONS if fine_tuned else ()


def _folded(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())
