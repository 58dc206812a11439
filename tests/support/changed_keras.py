"""Configs and weights of Keras models as a hostile author could change them."""

from __future__ import annotations

import copy
import io
import json
import random
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import h5py
import numpy as np

from imgclf.config.keras_signatures import exports
from tests.support.fuzz_model_files import ODD, flipped, with_odd_value

NUMBERS: list[Any] = [
    *(0, 1, -1, 2, 3, 7, 0.5, -0.0, 1e-320, 1e308, -1e308, True, None, 127, 255, 4096, 8192),
    *(30_000, 65_536, 10**6, 10**7, 10**7 + 1, 10**9, 2**31 - 1, 2**31, 2**53, 2**63, 2**64),
    *(10**30, -(2**63), "3", [3], [3, 3], [3, 0], [10**7, 10**7], [[3]], {}, float("nan")),
    *(float("inf"), float("-inf")),
]
DTYPES = [
    *("O", "S1000000000", "U250000000", "V8", "complex128", "complex64", "string", "int4", "int2"),
    *("float8_e4m3fn", "float8_e5m2", "resource", "variant", "", "float", "f", ">f4", "mixed_int8"),
    *("int8_from_float32", "mixed_bfloat16", "bfloat16", "float16", "float64", "uint8", "bool"),
    *("\x00", "float32\x00", "m8", "M8[ns]", "(1000000,)f4", "f4,f4", "{'names':['a']}", None, 3),
]
NAMES = [
    *("", "\x00", "a/b", "/", "..", "\x1b[2J", "a\nb", "\u202e", "x" * 2000, "é", "_", ".", None),
    *("features", "answer", "pictures", 5, ["a"], {"a": 1}),
]
_LAYERS = sorted(name for name in exports("layers") if name[0].isupper())
_MODULES = [
    *("os", "builtins", "keras", "keras.layers", "keras.src.layers", "keras.models", "keras.utils"),
    *("keras.initializers", "keras.src.ops.numpy", "keras.src.ops.nn", "keras.losses", "numpy", ""),
    *("keras.src.saving.serialization_lib", "tensorflow", None, 5, "keras.ops", "keras.random"),
]


def layer(name: str, /, **config: Any) -> dict[str, Any]:
    return _object("keras.layers", name, config)


def initializer(name: str, /, **config: Any) -> dict[str, Any]:
    return _object("keras.initializers", name, config)


def _object(module: str, name: str, config: dict[str, Any]) -> dict[str, Any]:
    return {"module": module, "class_name": name, "config": config, "registered_name": None}


def numpy_value(value: Any, dtype: Any, kind: str = "__numpy__") -> dict[str, Any]:
    return {"class_name": kind, "config": {"value": value, "dtype": dtype}}


GREEDY: list[dict[str, Any]] = [
    layer("Dense", units=60_000),
    layer("Dense", units=10**7),
    layer("Dense", units=10**9),
    layer("Conv2D", filters=10**6, kernel_size=3),
    layer("Conv2D", filters=8, kernel_size=4000),
    layer("Conv2D", filters=8, kernel_size=3, strides=10**7, padding="same"),
    layer("Conv2D", filters=8, kernel_size=3, dilation_rate=10**6, padding="same"),
    layer("Conv2D", filters=8, kernel_size=3, groups=10**6),
    layer("Conv2DTranspose", filters=8, kernel_size=3, strides=1000),
    layer("Conv3D", filters=8, kernel_size=300),
    layer("DepthwiseConv2D", kernel_size=3, depth_multiplier=10**6),
    layer("SeparableConv2D", filters=10**6, kernel_size=3, depth_multiplier=1000),
    layer("UpSampling2D", size=500),
    layer("UpSampling2D", size=10_000),
    layer("ZeroPadding2D", padding=100_000),
    layer("Cropping2D", cropping=10**6),
    layer("Resizing", height=18_000, width=18_000),
    layer("Resizing", height=10**7, width=10**7),
    layer("CenterCrop", height=10**6, width=10**6),
    layer("RandomCrop", height=10**6, width=10**6),
    layer("RandomZoom", height_factor=1e9),
    layer("RepeatVector", n=10**7),
    layer("Reshape", target_shape=[-1, 10**7]),
    layer("Reshape", target_shape=[0, -1]),
    layer("Flatten"),
    layer("MaxPooling2D", pool_size=10**6, padding="same"),
    layer("AveragePooling2D", pool_size=10**6, strides=1, padding="same"),
    layer("AdaptiveAveragePooling2D", output_size=10**5),
    layer("Embedding", input_dim=10**7, output_dim=10**7),
    layer("Embedding", input_dim=10**7, output_dim=64),
    layer("Discretization", num_bins=10**9, epsilon=0.01),
    layer("Discretization", num_bins=10**6, epsilon=1e-9),
    layer("Discretization", bin_boundaries=[0.0, float("nan"), 1.0]),
    layer("CategoryEncoding", num_tokens=10**7, output_mode="one_hot"),
    layer("CategoryEncoding", num_tokens=10**7, output_mode="multi_hot"),
    layer("Hashing", num_bins=10**7),
    layer("HashedCrossing", num_bins=10**7, output_mode="one_hot"),
    layer("IntegerLookup", vocabulary="/etc/passwd", max_tokens=10**7),
    layer("StringLookup", vocabulary="/etc/passwd"),
    layer("TextVectorization", max_tokens=10**7),
    layer("EinsumDense", equation="abcd,de->abce", output_shape=[None, None, 10**7]),
    layer("EinsumDense", equation="...x,xy->...y", output_shape=10**7, bias_axes="y"),
    layer("EinsumDense", equation="a" * 100_000, output_shape=3),
    layer("MultiHeadAttention", num_heads=10**4, key_dim=10**4),
    layer("LSTM", units=10**5),
    layer("GRU", units=60_000),
    layer("SimpleRNN", units=60_000, unroll=True),
    layer("ConvLSTM2D", filters=10**5, kernel_size=3),
    layer("TimeDistributed", layer=layer("Dense", units=10**7)),
    layer("Bidirectional", layer=layer("LSTM", units=10**5)),
    layer("StackedRNNCells", cells=[]),
    layer("RNN", cell=layer("LSTMCell", units=10**5)),
    layer("SpectralNormalization", layer=layer("Dense", units=10**6), power_iterations=10**7),
    layer("Normalization", mean=numpy_value(0, "S1000000000"), variance=1.0),
    layer("Normalization", mean=numpy_value([0] * 3, "O"), variance=numpy_value([1] * 3, "f4")),
    layer("Normalization", axis=[10**6]),
    layer("BatchNormalization", axis=10**6),
    layer("GroupNormalization", groups=10**7),
    layer("LayerNormalization", axis=[1, 2, 3]),
    layer("UnitNormalization", axis=[-(10**6)]),
    layer("Rescaling", scale=numpy_value(1, "U250000000")),
    layer("Rescaling", scale=[1.0] * 100_000),
    layer("Softmax", axis=10**6),
    layer("PReLU", shared_axes=[10**6]),
    layer("Permute", dims=[3, 2, 1]),
    layer("Permute", dims=[10**6]),
    layer("Masking", mask_value=1e308),
    layer("STFTSpectrogram", frame_length=10**6, fft_length=10**7, frame_step=1),
    layer("MelSpectrogram", fft_length=10**7, num_mel_bins=10**6),
    layer("Dropout", rate=0.5, noise_shape=[10**6, 10**6]),
    layer("GaussianNoise", stddev=1e308),
    layer("ActivityRegularization", l1=1e308),
    layer("MixUp", alpha=1e308),
    layer("RandomGaussianBlur", kernel_size=10**6, sigma=1.0),
    layer("RandomElasticTransform", scale=1e9),
    layer("AugMix", num_chains=10**6, chain_depth=10**6),
    layer("RandAugment", num_ops=10**6),
    layer("Pipeline", layers=[layer("Resizing", height=20_000, width=20_000)]),
    layer("MaxNumBoundingBoxes", max_number=10**7),
    layer("Lambda", function="x"),
    layer("TFSMLayer", filepath="/tmp"),
    layer("JaxLayer"),
    layer("Wrapper", layer=layer("Wrapper", layer=layer("Dense", units=3))),
    layer("InputLayer", batch_shape=[None, 10**6, 10**6, 3]),
    layer("InputLayer", batch_shape=[10**7, 32, 32, 3]),
    layer("Identity"),
    layer("Dense", units=4, kernel_initializer=initializer("Constant", value="x" * 1000)),
    layer("Dense", units=4, kernel_initializer=initializer("Constant", value=numpy_value(0, "O"))),
    layer("Dense", units=4, kernel_initializer=initializer("Orthogonal", gain=1e308)),
    layer("Dense", units=30_000, kernel_initializer=initializer("Identity")),
    layer("Dense", units=4, kernel_initializer=initializer("STFT", side=10**9)),
    layer("Dense", units=4, kernel_regularizer=_object("keras.regularizers", "L2", {"l2": "x"})),
    layer("Dense", units=4, kernel_constraint=_object("keras.constraints", "MaxNorm", {"axis": 9})),
    layer("Dense", units=4, lora_rank=10**7),
    layer("Dense", units=4, quantization_config={"module": "os"}),
    layer("Dense", units=4, activation={"module": "builtins", "class_name": "function"}),
    layer("Dense", units=4, dtype={"class_name": "DTypePolicy", "config": {"name": "int8"}}),
    layer("Dense", units=4, dtype=_object("keras", "DTypePolicyMap", {"policy_map": {}})),
    layer("Dense", units=4, dtype=_object("keras", "QuantizedDTypePolicy", {"mode": "int8"})),
]
ODD_VALUES: list[Any] = [
    *ODD,
    numpy_value([1.0], "float32"),
    numpy_value(0, "S1000000000"),
    numpy_value([[1], [2, 3]], "float32"),
    numpy_value("x" * 100, "U250000000"),
    numpy_value({"a": 1}, "O"),
    numpy_value(1, "float32", "__tensor__"),
    {"class_name": "__keras_tensor__", "config": {"keras_history": ["x", 0, 0]}},
    {"class_name": "__keras_tensor__", "config": {}},
    {"class_name": "__ellipsis__", "config": {}},
    {"class_name": "__slice__", "config": {"start": 10**30, "stop": None, "step": 0}},
    {"class_name": "__lambda__", "config": {"value": "x"}},
    {"class_name": "function", "config": "relu", "module": "builtins", "registered_name": "relu"},
    {"class_name": "function", "config": "exec", "module": "builtins", "registered_name": "exec"},
    layer("Dense", units=3),
    initializer("Zeros"),
]


def _places(node: Any) -> Iterator[tuple[Any, Any]]:
    """Every (owner, key) in a config."""
    waiting = [node]
    while waiting:
        owner = waiting.pop()
        keys = owner if isinstance(owner, dict) else range(len(owner))
        for key in keys:
            yield owner, key
            if isinstance(owner[key], dict | list):
                waiting.append(owner[key])


def _somewhere(config: Any, fits: Callable[[Any, Any], bool], random_: random.Random) -> Any:
    found = [(owner, key) for owner, key in _places(config) if fits(key, owner[key])]
    return random_.choice(found) if found else (config, "name")


def _layers(config: Any) -> list[tuple[list[Any], int]]:
    """Every layer, as its list and its number there."""
    return [
        (owner, key)
        for owner, key in _places(config)
        if isinstance(owner, list) and isinstance(owner[key], dict) and "class_name" in owner[key]
    ]


def other_value(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(config, lambda *_: True, random_)
    owner[key] = copy.deepcopy(random_.choice(ODD_VALUES))


def other_number(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(config, lambda _, value: isinstance(value, int | float), random_)
    owner[key] = random_.choice(NUMBERS)


def other_dtype(config: Any, random_: random.Random) -> None:
    def is_one(key: Any, value: Any) -> bool:
        return key == "dtype" or (key == "name" and value in ("float32", "mixed_bfloat16"))

    owner, key = _somewhere(config, is_one, random_)
    owner[key] = random_.choice(DTYPES)


def other_name(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(config, lambda key, _: key == "name", random_)
    owner[key] = random_.choice(NAMES)


def other_module(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(
        config, lambda key, _: key in ("module", "registered_name", "class_name"), random_
    )
    owner[key] = random_.choice([*_MODULES, *_LAYERS] if key != "module" else _MODULES)


def other_layer(config: Any, random_: random.Random) -> None:
    """A layer becomes another, with its own arguments or with some that ask for much."""
    layers, at = random_.choice(_layers(config))
    one = layers[at]
    if random_.random() < 0.3:
        one["class_name"] = random_.choice(_LAYERS)
        return
    greedy = copy.deepcopy(random_.choice(GREEDY))
    kept = one.get("config") if isinstance(one.get("config"), dict) else {}
    greedy["config"] = {"name": kept.get("name", "x"), "trainable": True} | greedy["config"]
    one.pop("build_config", None)
    one |= greedy


def more_layers(config: Any, random_: random.Random) -> None:
    """One layer, or several of the same, before another in a chain."""
    layers, at = random_.choice(_layers(config))
    for number in range(random_.choice([1, 1, 2, 3])):
        greedy = copy.deepcopy(random_.choice(GREEDY))
        greedy["config"]["name"] = f"more_{number}"
        if "inbound_nodes" in layers[at]:
            greedy["inbound_nodes"] = copy.deepcopy(layers[at]["inbound_nodes"])
            greedy["name"] = f"more_{number}"
            _say_input(layers[at], f"more_{number}")
        layers.insert(at, greedy)


def _say_input(one: Any, name: str) -> None:
    for owner, key in _places(one.get("inbound_nodes") or []):
        if key == "keras_history" and isinstance(owner[key], list) and owner[key]:
            owner[key][0] = name


def other_wiring(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(
        config, lambda key, _: key in ("keras_history", "inbound_nodes", "input_layers"), random_
    )
    names = [one[at]["config"].get("name") for one, at in _layers(config) if _has_config(one[at])]
    value = owner.get(key) if isinstance(owner, dict) else None
    if key == "keras_history" and isinstance(value, list) and len(value) == 3:
        value[random_.randrange(3)] = random_.choice([*names, *NUMBERS])
    elif isinstance(value, list) and value:
        value.append(copy.deepcopy(value[0])) if random_.random() < 0.5 else value.clear()
    else:
        owner[key] = random_.choice([None, [], [[]], [["x", 0, 0]], {}, "x"])


def _has_config(one: Any) -> bool:
    return isinstance(one.get("config"), dict)


def other_shape(config: Any, random_: random.Random) -> None:
    owner, key = _somewhere(
        config,
        lambda key, value: "shape" in str(key) and isinstance(value, list) and bool(value),
        random_,
    )
    if isinstance(owner.get(key) if isinstance(owner, dict) else None, list):
        sides = owner[key]
        if random_.random() < 0.3:
            sides.append(random_.choice(NUMBERS))
        else:
            sides[random_.randrange(len(sides))] = random_.choice(NUMBERS)


def deeper(config: Any, random_: random.Random) -> None:
    """Lists in lists, or mappings in mappings."""
    owner, key = _somewhere(config, lambda *_: True, random_)
    depth = random_.choice([50, 400, 900])
    inner: Any = owner[key]
    for _ in range(depth):
        inner = [inner] if random_.random() < 0.5 else {"config": inner}
    owner[key] = inner


def wrapped(config: Any, random_: random.Random) -> None:
    """A layer in wrappers, a model in models, or the same layer many times."""
    layers, at = random_.choice(_layers(config))
    change = random_.random()
    if change < 0.4:
        one = copy.deepcopy(layers[at])
        for depth in range(random_.choice([1, 5, 40])):
            name = random_.choice(["TimeDistributed", "Wrapper", "SpectralNormalization"])
            one = layer(name, name=f"w{depth}", layer=one)
        layers[at] = layers[at] | one
    elif change < 0.7:
        inner = copy.deepcopy(config)
        inner["name"] = "inner"
        layers[at] |= {"class_name": "Functional", "config": inner.get("config"), "module": "keras"}
    else:
        layers.extend(copy.deepcopy(layers[at]) for _ in range(random_.choice([1, 3, 300])))


def shared(config: Any, random_: random.Random) -> None:
    """Numbers by which Keras takes two objects for one."""
    for layers, at in _layers(config):
        if random_.random() < 0.5:
            layers[at]["shared_object_id"] = random_.choice([0, 0, 1, -1, 2**64, "x", None])


CONFIG_CHANGES: list[Callable[[Any, random.Random], None]] = [
    other_value,
    other_value,
    other_number,
    other_number,
    other_number,
    other_dtype,
    other_name,
    other_module,
    other_layer,
    other_layer,
    other_layer,
    more_layers,
    more_layers,
    other_wiring,
    other_shape,
    deeper,
    wrapped,
    shared,
    lambda config, random_: with_odd_value(config, random_),
]


def changed_config(content: bytes, random_: random.Random) -> bytes:
    """A `config.json` with one to three changes, or with any bytes."""
    if random_.random() < 0.08:
        return flipped(content, random_)
    if random_.random() < 0.02:
        depth = random_.choice([1000, 100_000])
        return b'{"class_name": "Functional", "config": ' + b"[" * depth + b"]" * depth + b"}"
    config = json.loads(content)
    # Changes that one before has left nothing to act on, or has nested too deeply, change nothing.
    with suppress(IndexError, RecursionError):
        for _ in range(random_.choice([1, 1, 1, 2, 3])):
            random_.choice(CONFIG_CHANGES)(config, random_)
    try:
        return json.dumps(config).encode()
    except RecursionError:
        return content


# Weights.


def _arrays(file: h5py.File) -> list[str]:
    found: list[str] = []
    file.visititems(lambda name, one: found.append(name) if isinstance(one, h5py.Dataset) else None)
    return found


def _replaced(file: h5py.File, name: str, **given: Any) -> None:
    del file[name]
    file.create_dataset(name, **given)


def array_of_another_kind(file: h5py.File, name: str, random_: random.Random) -> None:
    shape = file[name].shape
    kind = random_.choice(
        [
            *("f2", "f8", "i1", "u8", "c16", "S4", "S1000000", "V2", "V16", ">f4", "bool"),
            *(h5py.string_dtype(), h5py.ref_dtype, h5py.vlen_dtype("f4")),
            *([("a", "f4"), ("b", "i4")], h5py.enum_dtype({"A": 1}, "i4"), np.dtype(("f4", (2,)))),
        ]
    )
    _replaced(file, name, shape=shape, dtype=kind)


def array_of_another_shape(file: h5py.File, name: str, random_: random.Random) -> None:
    shape = list(file[name].shape)
    change = random_.random()
    if change < 0.3 and shape:
        shape[random_.randrange(len(shape))] = random_.choice([0, 1, 2, 10**3, 10**6, 2**31, 2**40])
    elif change < 0.5:
        shape = random_.choice([[], [0], [2**20, 2**20], [1] * 32, [10**9]])
    elif change < 0.7:
        shape = shape[::-1]
    else:
        shape.append(random_.choice([1, 2, 10**6]))
    stored = {"chunks": True} if shape and random_.random() < 0.6 and 0 not in shape else {}
    _replaced(file, name, shape=tuple(shape), dtype="f4", **stored)


def odd_numbers(file: h5py.File, name: str, random_: random.Random) -> None:
    if file[name].dtype.kind == "f" and (file[name].size or 10**6) < 10**6:
        file[name][...] = random_.choice([np.nan, np.inf, -np.inf, 3e38, -3e38, 1e-45, 0.0])


def packed_array(file: h5py.File, name: str, random_: random.Random) -> None:
    how: dict[str, Any] = random_.choice(
        [
            {"compression": "gzip"},
            {"compression": "gzip", "shuffle": True, "fletcher32": True},
            {"compression": "lzf"},
            {"scaleoffset": 3},
        ]
    )
    shape = random_.choice([(1024, 1024, 256), (2**14, 2**14), (64, 64)])
    _replaced(file, name, shape=shape, dtype="f4", chunks=True, fillvalue=1.0, **how)


def linked_elsewhere(file: h5py.File, name: str, random_: random.Random) -> None:
    others = _arrays(file)
    where: Any = random_.choice(
        [
            h5py.ExternalLink("/etc/passwd", "/"),
            h5py.ExternalLink("other.h5", name),
            h5py.SoftLink("/" + random_.choice(others)),
            h5py.SoftLink("/nowhere"),
            h5py.SoftLink("/" + name),
            file["/" + random_.choice(others)],
            file["/"],
        ]
    )
    del file[name]
    file[name] = where


def kept_elsewhere(file: h5py.File, name: str, random_: random.Random) -> None:
    shape = file[name].shape or (1,)
    if random_.random() < 0.5:
        _replaced(
            file, name, shape=shape, dtype="f4", external=[("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
        )
    else:
        layout = h5py.VirtualLayout(shape, "f4")
        layout[...] = h5py.VirtualSource("/etc/passwd", "x", shape=shape)
        del file[name]
        file.create_virtual_dataset(name, layout)


def more_of_it(file: h5py.File, name: str, random_: random.Random) -> None:
    """Groups and arrays that belong to nothing, attributes, circles, deep groups."""
    change = random_.randrange(6)
    if change == 0:
        for number in range(random_.choice([10, 3000])):
            file.create_group(f"more/{number}")
    elif change == 1:
        file["/circle"] = file["/"]
    elif change == 2:
        file.require_group("/".join(["deep"] * random_.choice([30, 1000])))
    elif change == 3:
        file[name].attrs["more"] = random_.choice(["x" * 50_000, np.zeros(5000), h5py.Empty("f4")])
    elif change == 4:
        file["kind"] = np.dtype("f8")
    else:
        _replaced(file, name, data=h5py.Empty("f4"))


def without_it(file: h5py.File, name: str, random_: random.Random) -> None:
    place = name if random_.random() < 0.5 else name.rpartition("/")[0]
    if place:
        del file[place]


def moved(file: h5py.File, name: str, random_: random.Random) -> None:
    target = random_.choice(
        ["x", name.rpartition("/")[0] + "/\x1b[2J", "layers/x/vars/0", "a" * 300]
    )
    file.move(name, target)


WEIGHTS_CHANGES: list[Callable[[h5py.File, str, random.Random], None]] = [
    array_of_another_kind,
    array_of_another_kind,
    array_of_another_shape,
    array_of_another_shape,
    odd_numbers,
    packed_array,
    linked_elsewhere,
    kept_elsewhere,
    more_of_it,
    without_it,
    moved,
]


def changed_weights(content: bytes, random_: random.Random) -> bytes:
    """A `model.weights.h5` with one to three changes, or with some other bytes."""
    if random_.random() < 0.45:
        return _other_bytes(content, random_)
    stream = io.BytesIO(content)
    with h5py.File(stream, "r+") as file:
        for _ in range(random_.choice([1, 1, 2, 3])):
            names = _arrays(file)
            if names:
                # After another change, it may be impossible.
                with suppress(OSError, ValueError, TypeError, KeyError):
                    random_.choice(WEIGHTS_CHANGES)(file, random_.choice(names), random_)
    return stream.getvalue()


def _other_bytes(content: bytes, random_: random.Random) -> bytes:
    if random_.random() < 0.3:
        return flipped(content, random_)
    changed = bytearray(content)
    signatures = [b"\x89HDF", b"TREE", b"HEAP", b"SNOD", b"OHDR", b"FRHP", b"BTHD"]
    places = [at for one in signatures for at in _all(content, one)]
    for _ in range(random_.choice([1, 1, 2, 5])):
        at = min(random_.choice(places) + random_.randrange(96), len(changed) - 8)
        width = random_.choice([1, 2, 4, 8])
        number = random_.choice([0, 1, 255, 2**31, 2**63, 2**64 - 1, len(content), at])
        changed[at : at + width] = (number % (1 << 8 * width)).to_bytes(width, "little")
    return bytes(changed)


def _all(content: bytes, word: bytes) -> Iterator[int]:
    at = content.find(word)
    while at >= 0:
        yield at
        at = content.find(word, at + 1)
