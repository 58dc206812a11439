"""The two parts of a Keras model: features and head.

The features are those of the pretrained network that it was built on, else what its last layer
takes. The head is read from the graph backwards, from the outputs to the features. What NumPy
can't do, or what isn't known here, makes it unreadable, and the model is kept in one piece then.
"""

from __future__ import annotations

from typing import Any

from imgclf.backend import keras
from imgclf.errors import UsageError
from imgclf.model.activations import ActivationFunction
from imgclf.model.head import HeadClass, HeadLayer, HeadNeurons, Numbers, NumpyHead
from imgclf.model.layer_names import ANSWER, FEATURES, FLAT, POOL, SUM, TWO
from imgclf.model_file.keras_dense import (
    DenseChain,
    UnreadableError,
    activation_function,
    dense,
    is_dense,
    unreadable,
)

PASSING = (
    keras.layers.Identity,
    keras.layers.Dropout,
    keras.layers.AlphaDropout,
    keras.layers.GaussianDropout,
    keras.layers.GaussianNoise,
    keras.layers.ActivityRegularization,
)
"""Layers that do nothing in prediction."""


def is_built_on_features(model: keras.Model) -> bool:
    """Whether a model says what its features are, and so can be split.

    Those do that were built on a pretrained network, and adopted ones.
    """
    # Ours are graphs; somebody's chain of layers, or another layer, may have the same name.
    kinds = keras.layers.GlobalAveragePooling2D | keras.layers.Identity
    named = [layer for layer in model.layers if layer.name == FEATURES]
    return not isinstance(model, keras.Sequential) and any(isinstance(one, kinds) for one in named)


def features_network(model: keras.Model) -> keras.Model:
    """From pictures to the last feature map and the features.

    The features are what the layer `features` of a network on a pretrained one gives, else what
    the last Dense layer takes that was trained.

    Args:
        model: A classifier.

    Raises:
        UsageError: It has no such layer, or no feature map up to there.
    """
    try:
        features, feature_map = _features(model), last_map(model)
    except (UnreadableError, ValueError):
        raise UsageError("this model has no features that a last layer takes") from None
    if feature_map is None:
        raise UsageError("this model has no feature map before its features")
    try:
        return keras.Model(model.inputs[0], [feature_map, features])
    except ValueError:
        # Layers that are in another model first, as those of a network that was built upon, tell
        # of their place in that one.
        again = type(model).from_config(model.get_config())
        again.set_weights(model.get_weights())
        try:
            return keras.Model(again.inputs[0], [last_map(again), _features(again)])
        except ValueError:
            # Of models inside of it, whose own input is another than its.
            raise UsageError("this model's features are made inside of another model") from None


def read_numpy_head(model: keras.Model) -> NumpyHead | None:
    """What comes after the features, or None if NumPy can't do all of it.

    Args:
        model: A classifier.
    """
    try:
        return _Reader(model).head()
    except (UnreadableError, ValueError):
        return None


def _features(model: keras.Model) -> Any:
    """What the head takes.

    Raises:
        UnreadableError: There is no head, or its last layer is none of those that can be corrected.
    """
    if is_built_on_features(model):
        return model.get_layer(FEATURES).output
    maker = {id(one.output): one for one in model.operations}
    corrected = any(layer.name == ANSWER for layer in model.layers)
    tensor = model.get_layer(SUM).input[0] if corrected else model.outputs[0]
    last: Any = maker.get(id(tensor))
    # Classes that were learned later stand between the last layer and the neurons.
    while type(last) in (*PASSING, keras.layers.Concatenate):
        given = last.input
        last = maker.get(id(given[0] if isinstance(given, list) else given))
    if last is not None and last.name == TWO:
        last = maker.get(id(last.input))
    if not isinstance(last, keras.layers.Dense):
        unreadable(last)
    return last.input


def last_map(model: keras.Model) -> Any:
    """The last tensor up to the features that has height and width; None if none has.

    The neurons of corrections see the same one.
    """
    names = [layer.name for layer in model.layers]
    if is_built_on_features(model):
        given = model.get_layer(FEATURES).input
        if len(given.shape) == 4:
            return given
        before = model.layers[: names.index(FEATURES)]
    else:
        seen = next((name for name in (POOL, FLAT) if name in names), None)
        if seen is not None:
            return model.get_layer(seen).input
        before = model.layers
    inner = [layer for layer in before if not isinstance(layer, keras.layers.InputLayer)]
    maps = [layer.output for layer in inner if len(getattr(layer.output, "shape", ())) == 4]
    return maps[-1] if maps else None


class _Reader:
    """Follows a graph from its outputs back to its features."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._features = _features(model)
        self._map = last_map(model)
        # A model inside of it that takes any size gives a map of any.
        if self._map is None or None in (*self._map.shape[1:], *self._features.shape[1:]):
            unreadable(model)
        if len(self._features.shape) != 2:
            unreadable(self._features)
        self._maker = {id(one.output): one for one in model.operations}
        self._pool: int | None = None

    def head(self) -> NumpyHead:
        """All of it."""
        activation, tensor = self._read_activation(self._model.outputs[0])
        neurons, tensor = self._read_neurons(tensor)
        classes: list[HeadClass] = []
        while (found := self._read_class(tensor)) is not None:
            later, tensor = found
            classes.insert(0, later)
        layers = self._read_layers(tensor)
        if activation is None:
            if neurons is None and not classes:
                activation = layers[-1].activation
                layers[-1] = HeadLayer(layers[-1].kernel, layers[-1].bias)
            else:
                activation = ActivationFunction()
        return NumpyHead(
            map_shape=tuple(self._map.shape[1:]),
            layers=tuple(layers),
            pool=self._pool or 1,
            classes=tuple(classes),
            neurons=neurons,
            activation=activation,
        )

    def _made_by(self, tensor: Any) -> Any:
        """The layer or operation that puts a tensor out, those left aside that only pass it on.

        None for the features.
        """
        while tensor is not self._features:
            maker = self._maker.get(id(tensor))
            if maker is None:
                unreadable(tensor)
            if type(maker) not in PASSING:
                return maker
            tensor = maker.input
        return None

    def _read_activation(self, tensor: Any) -> tuple[ActivationFunction | None, Any]:
        """The activation that a tensor is put out by, if it is by one, and what that takes."""
        maker = self._made_by(tensor)
        if isinstance(maker, keras.layers.Dense | keras.layers.Add | keras.layers.Concatenate):
            return None, tensor
        return activation_function(maker), maker.input

    def _read_neurons(self, tensor: Any) -> tuple[HeadNeurons | None, Any]:
        """The corrections' neurons, if they are added last, and what they are added to."""
        maker = self._made_by(tensor)
        if not isinstance(maker, keras.layers.Add):
            return None, tensor
        logits, added = _two_inputs(maker)
        strength = self._made_by(added)
        if not is_dense(strength, "linear") or strength.use_bias:
            unreadable(strength)
        neuron = self._made_by(strength.input)
        if not is_dense(neuron, "relu"):
            unreadable(neuron)
        self._require_unit_features(neuron.input)
        kernel, bias = dense(neuron)
        strengths, _ = dense(strength)
        return HeadNeurons(Numbers.of(kernel), Numbers.of(bias), Numbers.of(strengths)), logits

    def _read_class(self, tensor: Any) -> tuple[HeadClass, Any] | None:
        """A class that was learned later, if it is the last, and the logits of those before."""
        maker = self._made_by(tensor)
        if not isinstance(maker, keras.layers.Concatenate):
            return None
        logits, own = _two_inputs(maker)
        total = self._made_by(own)
        if not isinstance(total, keras.layers.Add):
            unreadable(total)
        largest, answer = _two_inputs(total)
        highest, own_layer = self._made_by(largest), self._made_by(answer)
        if not _is_largest_of(highest, logits) or not is_dense(own_layer, "linear"):
            unreadable(highest)
        self._require_unit_features(own_layer.input)
        kernel, bias = dense(own_layer)
        if len(bias) != 1:
            unreadable(own_layer)
        return HeadClass(Numbers.of(kernel[:, 0]), float(bias[0])), logits

    def _require_unit_features(self, tensor: Any) -> None:
        """Makes sure that it is the last feature map, pooled, flattened, of unit length."""
        unit = self._made_by(tensor)
        if not isinstance(unit, keras.layers.UnitNormalization) or unit.axis not in (-1, 1):
            unreadable(unit)
        flat = self._made_by(unit.input)
        if not isinstance(flat, keras.layers.Flatten):
            unreadable(flat)
        pool, given = 1, flat.input
        if given is not self._map:
            pooling = self._made_by(given)
            if not isinstance(pooling, keras.layers.AveragePooling2D):
                unreadable(pooling)
            sides = {*pooling.pool_size, *pooling.strides}
            if len(sides) > 1 or pooling.padding != "same" or pooling.input is not self._map:
                unreadable(pooling)
            (pool,) = sides
        if self._pool not in (None, pool):
            unreadable(unit)
        self._pool = pool

    def _read_layers(self, tensor: Any) -> list[HeadLayer]:
        """Dense layers with all that is affine in them, from the features to a tensor."""
        chain = []
        while (maker := self._made_by(tensor)) is not None:
            chain.append(maker)
            tensor = maker.input
        dense_layers = DenseChain(self._features.shape[-1])
        for layer in reversed(chain):
            dense_layers.add(layer)
        return dense_layers.layers()


def _two_inputs(layer: Any) -> tuple[Any, Any]:
    given = layer.input
    if not isinstance(given, list) or len(given) != 2:
        unreadable(layer)
    return given[0], given[1]


def _is_largest_of(operation: Any, logits: Any) -> bool:
    """Whether it is `keras.ops.max(logits, axis=-1, keepdims=True)`."""
    return (
        type(operation).__name__ == "Max"
        and operation.input is logits
        and operation.axis in (-1, 1, [-1], [1])
        and operation.keepdims is True
    )
