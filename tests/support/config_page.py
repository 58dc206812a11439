"""docs/config.md, made from the schema, the schedules and Keras's own names."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from dataclasses import MISSING, fields
from typing import Any

from pydantic import BaseModel

from imgclf.config.backbone import default_augmentation, default_image_size, network_names
from imgclf.config.bounds import MOST_VALUES, MOST_WEIGHT_BYTES, most_of
from imgclf.config.callback_catalogue import CATALOGUE, CallbackEntry
from imgclf.config.docstrings import attributes, first_line
from imgclf.config.keras_names import BY_OUTPUT, FORBIDDEN, SINGULAR, class_names, function_names
from imgclf.config.keras_signatures import Kind
from imgclf.config.key_policy import WithBackbone
from imgclf.config.layer_checks import augmentations
from imgclf.config.network_size import MOST_WEIGHTS
from imgclf.config.schedules import SCHEDULES
from imgclf.config.schema import SECTIONS, SINGLE_SPECS, SPEC_LISTS, Config, policies
from imgclf.config.spec import written
from imgclf.config.yaml_scalars import write_yaml

INTRODUCTION = """\
# The keys of a config

A config is a YAML file. `imgclf init DIR` writes a first one, `configs/` has more,
and `imgclf check CONFIG` says everything that is wrong with one, by line. A key that is left out
has its default. `--set data.batch_size=16` gives a key another value for once; its name is dotted
as in the tables. Numbers may be written as `1/255` and `1e-4`. What another value means for an
earlier training is explained in [resuming.md](resuming.md).

Paths are relative to the working directory and may begin with `~`. Pictures, code of your own and
files of networks that are not there are looked for beside the config, too; what callbacks write
goes by the working directory alone.
"""

PRETRAINED = """\
## Pretrained networks

With `model.backbone` a model is built on a network that has learned to see from a million photos.
That stays as it is: its features are computed once for each picture, and what is trained is
`model.layers`, if there are any, and the output. Twenty photos go a long way.
[pretrained.md](pretrained.md) has what happens in detail.

```yaml
model:
  backbone: EfficientNetLite0    # or EfficientNetLite0: {weights: none}
training:
  epochs: 30                     # of what stands on the features
  fine_tune: 8                   # or {epochs: 8, learning_rate: 3e-4, from: all}
```
"""

BACKBONES = [
    (
        "`EfficientNetLite0`",
        "small and fast, and where to begin",
        "they are installed with imgclf",
    ),
    (
        "`EfficientNetLite1`, `EfficientNetLite2`",
        "larger ones of its kind",
        "`pip install 'imgclf[backbones]'`",
    ),
    (
        "a network of `keras.applications`, by its name there",
        "what it wants done to pictures first is part of the model",
        "Keras downloads them once, into `$KERAS_HOME` or `~/.keras`",
    ),
    (
        "`models/other.keras`, or any path that ends so",
        "a classifier made by imgclf, or by Keras, up to its last Dense layer",
        "they are in the file",
    ),
]

WEIGHTS = """\
`weights` is `imagenet` if it is not given; `none` begins with random ones; anything else is the
path of a file of weights for this network. Another file under the same path makes another training.
"""

SIZES = """\
If `data.image_size` is left out, it is the size of the pictures that the network was trained on.
That of a `.keras` file is only known when it is opened, so give it unless it is 180.
"""

DEFAULTS = """\
If `augmentation` is left out, the features are computed of each picture as it is; a horizontal
`RandomFlip` adds those of its mirror image. With `training.fine_tune` pictures are varied as if
this were given:
"""

FINE_TUNING = """\
These defaults are filled in when the config is read, and stand in the run's `config.resolved.yaml`.

The layers in `model.layers` get one standardized number for each feature, so those for pictures
(Rescaling, convolutions, pooling) have no place there.

`training.fine_tune` adds a second phase, in which the network itself is trained, too, from what the
first has come to: with AdamW, a learning rate that falls along a cosine, and labels smoothed by
0.1 unless `training.label_smoothing` says otherwise. The loss is one of the cross-entropies, focal
or not; one that has a `label_smoothing` of its own keeps it.
`from` says where the layers begin that are trained: `all`, the name of a layer, or how many of the
backbone's last, as Keras counts them. With `augmentation: none`, what the layers below make of a
picture is computed once ([how](pretrained.md#what-lies-below-is-computed-once)). Epochs count on:
the first after `epochs: 30` is the 31st.
"""

LEVERS = """\
## What keeps a training in bounds

```yaml
training:
  label_smoothing: 0.1
  ema: true                                       # or {momentum: 0.999}
  optimizer: {Adam: {global_clipnorm: 1.0}}
  fine_tune: {epochs: 8, global_clipnorm: 1.0}    # the second phase has an optimizer of its own
```

`label_smoothing` has a network learn from labels of 0.9 and a little for all classes instead of 1
and 0, whatever the output is. It acts in training alone: `loss` is that of the smoothed labels,
which is what becomes smaller; `val_loss` is that of the labels as they are, and can be compared
between trainings with and without it. The `label_smoothing` that some of Keras's losses have
smooths both.

`ema` averages the weights over the steps, each of the latest with a part of 1 - `momentum`. The
averages are what `val_loss` and all that begins so is measured with, and what ModelCheckpoint and
EarlyStopping keep and the model has; the training goes on from the weights. Where an epoch has
fewer steps than 1 / (1 - `momentum`), the average lags epochs behind. What batch normalization
counts in training is no weight and is not averaged. It is `use_ema` and `ema_momentum` of
Keras's optimizers with SwapEMAWeights, in one key.

Gradients are clipped by what Keras's optimizers have for it: `global_clipnorm` (the norm of all
gradients together), `clipnorm` (that of each variable) and `clipvalue`.

[Few pictures of one class](data.md#few-pictures-of-one-class) has what makes up for classes of
different sizes.
"""

OBJECTS = """\
## Keras objects

Layers, optimizers, losses, metrics and callbacks have Keras's names and Keras's arguments; what is
no argument of the class is refused, with its line.

```yaml
- Flatten                                  # the name alone: with its defaults
- Dropout: 0.25                            # a value alone: the first argument
- Conv2D: {filters: 16, kernel_size: 3}    # arguments by name
```

Inside of arguments the same holds wherever Keras takes an object: an initializer, a regularizer, a
constraint or an activation in arguments whose names end so (`kernel_initializer: he_normal`), a
schedule in an optimizer's `learning_rate`, a layer in `layer`. Optimizers, losses, metrics and
these small objects may also be in Keras's lower-case form (`adam`, `mse`, `he_normal`).
"""

MIXED = """\
`MixUp` and `CutMix` make one picture of two, and one label; of both, each batch gets one. A loss
then has labels with parts, so that more than two classes are trained with
`CategoricalCrossentropy`. How it goes is in [from_scratch.md](from_scratch.md).
"""

BRANCHES = """\
### Residual

Layers follow each other, but for one thing: what the layers in `Residual` make of something is
added to it (He et al. 2016). Where they change its shape, a convolution of 1 x 1 with batch
normalization brings it along. Whatever follows, an activation say, is the next layer. The model is
one graph of Keras's own layers all the same, and every command takes it.

```yaml
model:
  layers:
    - Residual:
      - Conv2D: {filters: 64, kernel_size: 3, strides: 2, padding: same, use_bias: false}
      - BatchNormalization
      - ReLU
      - Conv2D: {filters: 64, kernel_size: 3, padding: same, use_bias: false}
      - BatchNormalization
    - ReLU
```

It stands in `model.layers`, also in another `Residual`, and not on a `backbone`, whose features are
no picture.
"""


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    heads = list(heads)
    lines = [heads, ["---"] * len(heads), *rows]
    cells = ([cell.replace("|", r"\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def as_yaml(value: Any) -> str:
    """A default as one would write it in a config."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return f"[{', '.join(map(as_yaml, value))}]"
    return str(value)


def default(field: Any) -> str:
    usual = "required" if field.is_required() else f"`{as_yaml(written(field.default))}`"
    for marker in field.metadata:
        if isinstance(marker, WithBackbone):
            usual = "required" if marker.required_without else usual
            return f"{usual}; with a backbone {marker.said}"
    return usual


def keys(section: type[BaseModel], prefix: str = "") -> str:
    """The table of a section's keys; sections inside of it have tables of their own."""
    said = attributes(section)
    rows = [
        (
            f"`{prefix}{name}`",
            field.description or "",
            default(field),
            said[name],
            policies()[f"{prefix}{name}"].resume.value,
        )
        for name, field in section.model_fields.items()
        if name not in SECTIONS
    ]
    return table(("key", "allowed", "default", "what it does", "another value"), rows)


def pretrained() -> str:
    by_side: dict[int, list[str]] = {}
    for name in network_names():
        by_side.setdefault(default_image_size(name) or 0, []).append(f"`{name}`")
    sizes = [(str(side), ", ".join(names)) for side, names in sorted(by_side.items())]
    varied = write_yaml({"augmentation": written(default_augmentation(fine_tuned=True))})
    return "\n".join(
        [
            PRETRAINED,
            table(("backbone", "what it is", "where its weights come from"), BACKBONES),
            WEIGHTS,
            SIZES,
            table(("height and width", "backbones"), sizes),
            f"{DEFAULTS}\n```yaml\n{varied}```\n",
            FINE_TUNING,
        ]
    )


def named(names: Iterable[str]) -> str:
    return textwrap.fill(", ".join(names), 100, break_long_words=False)


def places() -> str:
    rows = [(f"`{key}`", f"a list of {objects.kind}") for key, objects in SPEC_LISTS.items()]
    rows += [(f"`{key}`", f"one {SINGULAR[objects.kind]}") for key, objects in SINGLE_SPECS.items()]
    return table(("key", "what stands there"), rows)


def kinds() -> str:
    parts = [f"### Augmentation\n\n{named(augmentations())}\n\n{MIXED}"]
    for kind, singular in SINGULAR.items():
        if kind == "activations":
            names: tuple[str, ...] = function_names(kind)
        else:
            names = class_names(kind)
        words = BY_OUTPUT.get(kind)
        also = f"\n`{words[0]}` is the {singular} that fits the output.\n" if words else ""
        parts.append(f"### {kind.capitalize()}\n\n{named(names)}\n{also}")
        if kind == "layers":
            parts.append(BRANCHES)
    return "\n".join(parts)


def refused() -> str:
    reasons: dict[tuple[Kind, str], list[str]] = {}
    for kind, names in FORBIDDEN.items():
        for name, reason in names.items():
            reasons.setdefault((kind, reason), []).append(name)
    rows = [(kind, ", ".join(names), reason) for (kind, reason), names in reasons.items()]
    return table(("kind", "names", "why not"), rows)


def too_large() -> str:
    return f"""### Too large

A network that would fill the memory is a problem of its line, found by `imgclf check` and before
`train` builds anything:

- a layer that makes more than {MOST_VALUES:,} numbers of one picture, {MOST_VALUES >> 18} MiB;
- more than {MOST_WEIGHTS:,} weights, the {MOST_WEIGHT_BYTES >> 30} GiB that a model file holds;
- windows and strides above {most_of("strides"):,}, other numbers above {most_of("units"):,};
- weights that take more, with their gradients and what the optimizer keeps of them, than there is
  of memory. (A batch that does is halved if `data.batch_size` is `auto`.)

`check` says how many parameters a network from scratch has, and roughly what training takes of the
memory. It counts without Keras, by the shapes of the layers that most networks are made of. What
comes after another one, such as `LSTM`, is not counted, which it says; `train` tries such a layer
out before it builds it. Of a pretrained network nothing is counted.
"""


def schedules() -> str:
    rows = []
    for name, schedule in SCHEDULES.items():
        said = attributes(schedule)
        arguments = [
            f"`{one.name}` ({'required' if one.default is MISSING else one.default}): "
            + said[one.name]
            for one in fields(schedule)  # type: ignore[arg-type]
            if one.init
        ]
        rows.append((f"`{name}`", first_line(schedule), " ".join(arguments)))
    return table(("schedule", "the learning rate", "arguments (default)"), rows)


def written_by(entry: CallbackEntry) -> str:
    """The argument that says where a callback writes, and the usual place."""
    output = entry.output
    if output is None:
        return ""
    return f"`{output.argument}`" + (f": {output.usual} in the run's folder" * bool(output.usual))


def callbacks() -> str:
    rows = [
        (
            entry.name,
            "on" if entry.on_by_default else "off",
            written_by(entry),
            "yes" if entry.monitors else "",
            "one" if entry.unique else "several",
            entry.resume.value,
        )
        for entry in CATALOGUE
        if entry.name in class_names("callbacks")
    ]
    heads = ("callback", "unless named", "writes", "has a monitor", "at most", "another one")
    return table(heads, rows)


def config_page() -> str:
    """All of docs/config.md."""
    sections = [f"## {name}\n\n{keys(section, f'{name}.')}" for name, section in SECTIONS.items()]
    return "\n".join(
        [
            "<!-- Made by tests/support/config_page.py; what it says stands in imgclf/config. -->",
            INTRODUCTION,
            f"## At the top\n\n{keys(Config)}",
            *sections,
            pretrained(),
            LEVERS,
            OBJECTS,
            places(),
            kinds(),
            "### What callbacks do\n\nIn the order in which they work. A file that one is told to "
            "write is new, or what the same callback\nwrote in an earlier run of this name, and "
            "lies among neither pictures nor models, and in no\ncache; `check` finds the others. "
            f"Files of your own callbacks are your business.\n\n{callbacks()}",
            f"### Refused\n\n{refused()}",
            too_large(),
            "## Schedules of LearningRateScheduler\n\n"
            "`LearningRateScheduler: {schedule: step, factor: 0.5, every: 10}`, or a function of "
            "your own:\n`{schedule: file.py:function}`, called with the epoch (from 0) and the "
            f"rate.\n\n{schedules()}",
        ]
    )
