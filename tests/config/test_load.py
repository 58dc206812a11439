from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from imgclf.config import keras_signatures
from imgclf.config.load import load_config, parse_config
from imgclf.config.spec import Spec
from imgclf.config.yaml_tree import MAX_BYTES
from imgclf.errors import ConfigError
from tests.support.config_texts import (
    CONFIGS,
    DATA,
    MODEL,
    SMALLEST,
    layer,
    layer_problem,
    load,
    problem,
    problems,
)

ALL_CONFIGS = sorted(CONFIGS.glob("*.yaml"))


@pytest.mark.parametrize("path", ALL_CONFIGS, ids=lambda path: path.stem)
def test_every_config_that_comes_with_imgclf_loads_and_its_resolved_form_is_equal(
    path: Path,
) -> None:
    loaded = load_config(path)
    again = parse_config(loaded.resolved_yaml(), Path("elsewhere/config.yaml"))
    assert again.config == loaded.config
    assert loaded.name == path.stem


@pytest.mark.parametrize("path", ALL_CONFIGS, ids=lambda path: path.stem)
def test_every_config_opens_with_the_command_that_trains_it(path: Path) -> None:
    assert f"#     imgclf train configs/{path.name}" in path.read_text("utf-8")


def test_the_catdog_recipe_is_that_of_the_tutorial() -> None:
    config = load_config(CONFIGS / "catdog.yaml").config
    data = config.data
    assert (data.directory, data.image_size, data.batch_size) == ("dataset", (180, 180), 32)
    assert (data.validation_split, data.seed, data.resize) == (0.2, 123, "stretch")
    assert config.augmentation == (
        Spec(name="RandomFlip", arguments={"mode": "horizontal"}),
        Spec(name="RandomRotation", arguments={"factor": 0.1}),
        Spec(name="RandomZoom", arguments={"height_factor": 0.1}),
    )
    expected = [Spec(name="Rescaling", arguments={"scale": 1 / 255})]
    for filters in (16, 32, 64, 128):
        conv = {"filters": filters, "kernel_size": 3, "padding": "same", "activation": "relu"}
        expected += [Spec(name="Conv2D", arguments=conv), Spec(name="MaxPooling2D")]
    expected += [
        Spec(name="Dropout", arguments={"rate": 0.25}),
        Spec(name="Flatten"),
        Spec(name="Dense", arguments={"units": 128, "activation": "relu"}),
    ]
    assert list(config.model.layers) == expected
    assert config.model.output is None
    training = config.training
    assert (training.epochs, training.optimizer, training.loss) == (30, Spec(name="Adam"), None)
    assert training.metrics == (Spec(name="accuracy"),)
    assert config.callbacks == ()


def test_the_smallest_config_takes_all_defaults_and_says_them_when_resolved() -> None:
    assert load(SMALLEST).resolved_yaml() == (
        "name: pets\n"
        "data:\n"
        "  directory: dataset\n"
        "  classes: folders\n"
        "  parts: auto\n"
        "  table: null\n"
        "  multi_label: false\n"
        "  groups: null\n"
        "  validation_split: 0.2\n"
        "  seed: 123\n"
        "  image_size: [180, 180]\n"
        "  batch_size: 32\n"
        "  resize: stretch\n"
        "  bit_depth: 16\n"
        "  oversample: false\n"
        "  cache: disk\n"
        "augmentation: []\n"
        "model:\n"
        "  backbone: null\n"
        "  layers: [Flatten]\n"
        "  output: null\n"
        "training:\n"
        "  epochs: 30\n"
        "  optimizer: Adam\n"
        "  loss: null\n"
        "  class_weight: null\n"
        "  logit_adjustment: 0.0\n"
        "  label_smoothing: null\n"
        "  ema: null\n"
        "  metrics: [accuracy]\n"
        "  fine_tune: null\n"
        "  seed: null\n"
        "  publish: best\n"
        "  corrections: include\n"
        "  replace: if_not_worse\n"
        "  precision: auto\n"
        "  distribution: none\n"
        "  time_budget: null\n"
        "callbacks: []\n"
        "tune: null\n"
    )


def test_a_config_with_everything_resolves_to_an_equal_one() -> None:
    loaded = load(
        """\
name: "1e-4"
data: {directory: 2024/11, image_size: [64, 96], resize: crop}
augmentation:
  - Pipeline: [{RandomFlip: vertical}, {RandomZoom: [0.1, 0.2]}]
model:
  layers:
    - Conv2D: {filters: 4, kernel_size: [3, 5], kernel_regularizer: {L2: 1e-4}}
    - Dense: {units: 3, bias_constraint: non_neg}
    - TimeDistributed: {Dense: 3}
    - Flatten
  output: {Dense: {kernel_initializer: {HeNormal: {seed: 3}}}}
training:
  epochs: 3
  optimizer:
    SGD:
      learning_rate: {CosineDecay: {initial_learning_rate: 1e-1, decay_steps: 100}}
      use_ema: yes
  loss: {BinaryFocalCrossentropy: {gamma: 3}}
  metrics: [acc, mae, AUC]
  publish: last
callbacks:
  - SwapEMAWeights
  - TensorBoard: none
  - LambdaCallback: {on_epoch_end: os.path:join}
  - my.own:Thing: {a: [1, {b: "off"}], c: null}
  - CSVLogger: {separator: "\\t"}
"""
    )
    assert load(loaded.resolved_yaml()).config == loaded.config
    assert loaded.config.data.directory == "2024/11"
    assert loaded.name == "1e-4"


def test_one_number_is_a_square_picture() -> None:
    config = load("data: {directory: dataset, image_size: 96}\n" + MODEL).config
    assert config.data.image_size == (96, 96)


def test_one_metric_needs_no_list() -> None:
    assert load(SMALLEST + "training: {metrics: AUC}\n").config.training.metrics == (
        Spec(name="AUC"),
    )


def test_lists_whose_members_are_all_commented_out_are_empty() -> None:
    config = load(SMALLEST + "augmentation:\n  # - RandomFlip\ncallbacks:\n").config
    assert (config.augmentation, config.callbacks) == ((), ())


def test_all_problems_are_told_at_once_in_the_order_of_the_lines() -> None:
    found = problems(
        """\
nmae: pets
data:
  directory: dataset
  batch_size: "32"
  validation_split: 1.5
  resize: strech
augmentation:
  - RandomRotatoin: 0.1
model:
  layers:
    - Conv2D: {filter: 16, kernel_size: 3, padding: sme}
    - Lambda: x
    - Dropout:
      rate: 0.5
training:
  epochs: 0
  optimizer: adm
epochs: 3
callbacks:
  - EarlyStopping: {patience: "2", monitor: val_acc}
  - BackupAndRestore: .
"""
    )
    told = [(p.line, p.key, p.received, p.nearest) for p in found]
    assert told == [
        (1, "nmae", "nmae", "name"),
        (4, "data.batch_size", '"32"', None),
        (5, "data.validation_split", "1.5", None),
        (6, "data.resize", "strech", "stretch"),
        (8, "augmentation.0", "RandomRotatoin", "RandomRotation"),
        (11, "model.layers.0.filter", "filter", "filters"),
        (11, "model.layers.0.padding", "sme", "same"),
        (12, "model.layers.1", "Lambda", None),
        (13, "model.layers.2", "Dropout, rate", None),
        (16, "training.epochs", "0", None),
        (17, "training.optimizer", "adm", "adam"),
        (18, "epochs", "epochs", "training.epochs"),
        (20, "callbacks.0.patience", '"2"', None),
        (20, "callbacks.0.monitor", "val_acc", "val_accuracy"),
        (21, "callbacks.1.backup_dir", ".", None),
    ]
    assert all(p.allowed for p in found)


def test_the_message_reads_well() -> None:
    with pytest.raises(ConfigError) as caught:
        load(SMALLEST + "training: {epochs: many, metrics: [acuracy]}\n")
    assert str(caught.value) == (
        "pets.yaml: 2 problems\n"
        "  line 3: training.metrics.0: Keras has no metric of this name\n"
        "    received: acuracy\n"
        "    allowed: any metric of keras.metrics\n"
        "    did you mean: accuracy\n"
        "  line 3: training.epochs: this can't be used\n"
        "    received: many\n"
        "    allowed: a whole number, 1 or more"
    )


@pytest.mark.parametrize(
    ("text", "key", "message"),
    [
        ("", "", "a config has keys, and this file has none"),
        ("# only a comment\n", "", "a config has keys, and this file has none"),
        ("- a\n- b\n", "", "a config has keys, and this file has none"),
        ("hello", "", "a config has keys, and this file has none"),
        (MODEL, "data.directory", "this key is required"),
        ("data:\n" + MODEL, "data.directory", "this key is required"),
        (DATA, "model.layers", "this key is required"),
        (DATA + "model: {layers: []}\n", "model.layers", "this can't be used"),
        (DATA + "model: Flatten\n", "model", "keys are expected here"),
        ("data: 3\n" + MODEL, "data", "keys are expected here"),
        (DATA + "model: {layers: Flatten}\n", "model.layers", "a list is expected"),
        (SMALLEST + "callbacks: {EarlyStopping: 3}\n", "callbacks", "a list is expected"),
        (SMALLEST + "name: a/b\n", "name", "this can't be used"),
        (SMALLEST + "name: .hidden\n", "name", "this can't be used"),
        ("data: {directory: }\n" + MODEL, "data.directory", "this can't be used"),
        ("data: {directory: d, image_size: [0, 8]}\n" + MODEL, "data.image_size", "this can't"),
        ("data: {directory: d, image_size: [8, 8, 3]}\n" + MODEL, "data.image_size", "this can't"),
        ("data: {directory: d, seed: -1}\n" + MODEL, "data.seed", "this can't be used"),
        ("data: {directory: d, seed: 1.0}\n" + MODEL, "data.seed", "this can't be used"),
        ("data: {directory: d, batch_size: true}\n" + MODEL, "data.batch_size", "this can't"),
        (SMALLEST + "training: {publish: bets}\n", "training.publish", "this can't be used"),
    ],
)
def test_what_the_schema_refuses(text: str, key: str, message: str) -> None:
    found = problem(text)
    assert (found.key, found.message[: len(message)]) == (key, message)
    assert found.allowed


def test_a_number_in_quotes_is_told_how_to_become_one() -> None:
    found = problem(SMALLEST + 'training: {epochs: "30"}\n')
    assert found.message == "this can't be used; a number is written without quotes"


def test_a_file_whose_name_is_none_for_a_model_asks_for_one() -> None:
    with pytest.raises(ConfigError, match="the file's name is no name for a model; give one"):
        parse_config(SMALLEST, Path("-x.yaml"))


def test_a_missing_file_names_the_nearest_in_its_folder(tmp_path: Path) -> None:
    for name in ("catdog.yaml", "clothing.yaml"):
        (tmp_path / name).write_text(SMALLEST)
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "catdgo.yaml")
    (found,) = caught.value.problems
    assert found.message == "there is no such file"
    assert found.allowed == "catdog.yaml, clothing.yaml"
    assert found.nearest == str(tmp_path / "catdog.yaml")


def test_a_missing_folder_is_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such file") as caught:
        load_config(tmp_path / "nowhere" / "catdog.yaml")
    assert caught.value.problems[0].hint == "to have one written: imgclf init FOLDER"


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    (tmp_path / "pets.yaml").write_text(SMALLEST)
    with pytest.raises(ConfigError, match="this is a folder") as caught:
        load_config(tmp_path)
    assert caught.value.problems[0].allowed == str(tmp_path / "pets.yaml")


def test_a_folder_of_pictures_leads_to_its_config_or_to_init(tmp_path: Path) -> None:
    (tmp_path / "pets").mkdir()
    with pytest.raises(ConfigError, match="this is a folder") as caught:
        load_config(tmp_path / "pets")
    assert caught.value.problems[0].hint == f"to have one written: imgclf init {tmp_path / 'pets'}"
    (tmp_path / "pets.yaml").write_text(SMALLEST)
    with pytest.raises(ConfigError, match="this is a folder") as caught:
        load_config(tmp_path / "pets")
    assert caught.value.problems[0].nearest == str(tmp_path / "pets.yaml")


def test_a_file_that_is_not_utf_8_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.yaml"
    path.write_bytes(b"data:\n  directory: H\xfcte\n")
    with pytest.raises(ConfigError, match="save it as UTF-8") as caught:
        load_config(path)
    assert caught.value.problems[0].line == 2


def test_a_byte_order_mark_and_windows_line_ends_are_borne(tmp_path: Path) -> None:
    path = tmp_path / "windows.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.replace("\n", "\r\n").encode())
    assert load_config(path).config.data.directory == "dataset"


def test_a_huge_file_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.yaml"
    with path.open("wb") as stream:
        stream.truncate(1 << 40)
    started = time.process_time()
    with pytest.raises(ConfigError, match=f"more than {MAX_BYTES // 1024} KiB"):
        load_config(path)
    assert time.process_time() - started < 1


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_says_so(tmp_path: Path) -> None:
    path = tmp_path / "secret.yaml"
    path.write_text(SMALLEST)
    path.chmod(0)
    with pytest.raises(ConfigError, match="can't be read: Permission denied"):
        load_config(path)


def test_lines_are_kept_for_problems_that_are_found_later() -> None:
    loaded = load(
        DATA + "model:\n  layers:\n    - Flatten\n    - Dense: {units: 3}\n    - Dropout: 0.5\n"
    )
    assert loaded.file.origins["model.layers.1.units"].line == 5
    assert loaded.file.origins["model.layers.2.rate"].line == 6
    assert "training.epochs" not in loaded.file.origins
    assert loaded.file.problem("model.layers.1.units", "too many").line == 5
    assert loaded.file.problem("model.layers.1.activation", "unknown").line == 5
    assert loaded.file.problem("training.epochs", "too many").line is None
    error = loaded.file.error(
        loaded.file.problem("model.layers.2", "no", received="0.5"), hint="try less"
    )
    assert str(error) == (
        "pets.yaml: 1 problem\n  line 6: model.layers.2: no\n    received: 0.5\ntry less"
    )


@pytest.mark.parametrize(
    ("written", "name", "arguments"),
    [
        ("MaxPooling2D", "MaxPooling2D", {}),
        ("MaxPooling2D:", "MaxPooling2D", {}),
        ("MaxPooling2D: {}", "MaxPooling2D", {}),
        ("MaxPooling2D: 3", "MaxPooling2D", {"pool_size": 3}),
        ("Dense: 128", "Dense", {"units": 128}),
        ("RandomRotation: 0.1", "RandomRotation", {"factor": 0.1}),
        ("RandomFlip: horizontal", "RandomFlip", {"mode": "horizontal"}),
        ("RandomZoom: [0.1, 0.2]", "RandomZoom", {"height_factor": [0.1, 0.2]}),
        ("Activation: relu", "Activation", {"activation": "relu"}),
        ("BatchNormalization: {center: no}", "BatchNormalization", {"center": False}),
        ("Dense: {units: 2, activation: none}", "Dense", {"units": 2, "activation": None}),
        (
            "Dense: {units: 2, kernel_regularizer: l2}",
            "Dense",
            {"units": 2, "kernel_regularizer": Spec(name="L2")},
        ),
    ],
)
def test_the_ways_to_write_a_layer(written: str, name: str, arguments: dict[str, object]) -> None:
    assert layer(written) == Spec(name=name, arguments=arguments)


def test_keras_objects_inside_of_arguments_become_specs() -> None:
    spec = layer(
        "Dense: {units: 3, kernel_regularizer: {L2: 0.01}, bias_initializer: {Constant: 1}}"
    )
    assert spec.arguments["kernel_regularizer"] == Spec(name="L2", arguments={"l2": 0.01})
    assert spec.arguments["bias_initializer"] == Spec(name="Constant", arguments={"value": 1})
    inner = Spec(name="Dense", arguments={"units": 3})
    assert layer("TimeDistributed: {Dense: 3}").arguments == {"layer": inner}
    assert layer("TimeDistributed: {layer: {Dense: 3}}").arguments == {"layer": inner}
    flip = Spec(name="RandomFlip", arguments={"mode": "vertical"})
    assert layer("Pipeline: [RandomFlip: vertical]").arguments == {"layers": [flip]}


@pytest.mark.parametrize(
    ("training", "key", "name", "arguments"),
    [
        ("optimizer: adam", "optimizer", "Adam", {}),
        ("optimizer: RMSPROP", "optimizer", "RMSprop", {}),
        ("optimizer: {sgd: 0.1}", "optimizer", "SGD", {"learning_rate": 0.1}),
        ("loss: binary_crossentropy", "loss", "BinaryCrossentropy", {}),
        ("loss: mse", "loss", "MeanSquaredError", {}),
        ("loss: {mae: {reduction: sum}}", "loss", "MeanAbsoluteError", {"reduction": "sum"}),
        ("loss: kl_divergence", "loss", "KLDivergence", {}),
    ],
)
def test_keras_lower_case_names_mean_what_they_mean_to_keras(
    training: str, key: str, name: str, arguments: dict[str, object]
) -> None:
    config = load(f"{SMALLEST}training:\n  {training}\n").config
    assert getattr(config.training, key) == Spec(name=name, arguments=arguments)


@pytest.mark.parametrize(
    ("written", "key", "words"),
    [
        ("conv2d: 3", "model.layers.0", "Keras has no layer of this name"),
        ("Lambda: x", "model.layers.0", "Lambda can't be used: it runs code"),
        ("TFSMLayer: x", "model.layers.0", "TFSMLayer can't be used: it runs code"),
        ("TorchModuleWrapper: x", "model.layers.0", "TorchModuleWrapper can't be used"),
        ("InputLayer: [3]", "model.layers.0", "the input follows from data.image_size"),
        ("Concatenate", "model.layers.0", "it takes several inputs"),
        ("MixUp", "model.layers.0", "MixUp has to change the labels"),
        ("RandomCrop: [8, 8]", "model.layers.0", "it crops in training only"),
        ("Conv2D: {kernel_size: 3}", "model.layers.0", "Conv2D needs filters"),
        ("Dense", "model.layers.0", "Dense needs units"),
        ("Dense: {units: 2.5}", "model.layers.0.units", "Dense can't take this units"),
        ("Dense: {units: 0}", "model.layers.0.units", "Dense can't take this units"),
        ("Dense: {units: 3, input_shape: [8]}", "model.layers.0.input_shape", "image_size"),
        ("Dense: {units: 3, activation: rleu}", "model.layers.0.activation", "no activation"),
        ("Dense: {units: 3, activation: 5}", "model.layers.0.activation", "an activation is"),
        ("Dense: {units: 3, use_bias: 1}", "model.layers.0.use_bias", "can't take this use_bias"),
        (
            "Dense: {units: 3, kernel_regularizer: {L2: x}}",
            "model.layers.0.kernel_regularizer.l2",
            "L2 can't take this l2",
        ),
        ("Dropout: 1.0", "model.layers.0.rate", "Dropout can't take this rate"),
        ("Dropout: -0.1", "model.layers.0.rate", "Dropout can't take this rate"),
        ("RandomFlip: sideways", "model.layers.0.mode", "RandomFlip can't take this mode"),
        ("Normalization", "model.layers.0", "Normalization does nothing without mean"),
        ("[Dense, 3]", "model.layers.0", "a layer is expected here"),
        ("3", "model.layers.0", "a layer is expected here"),
        ("GlobalAveragePooling2D: {keepdims: 3}", "model.layers.0.keepdims", "can't take this"),
        ("Pipeline: [{Dense: 0}]", "model.layers.0.layers.0.units", "Dense can't take this units"),
        ("TimeDistributed: null", "model.layers.0.layer", "TimeDistributed can't take this layer"),
        ("Pipeline: []", "model.layers.0.layers", "Pipeline takes a list of layers"),
        ("Pipeline: RandomFlip", "model.layers.0.layers", "Pipeline takes a list of layers"),
        (
            "Conv2D: {filters: 3, kernel_size: 3, data_format: channels_first}",
            "model.layers.0.data_format",
            "can't take this data_format",
        ),
    ],
)
def test_layers_that_are_refused(written: str, key: str, words: str) -> None:
    found = layer_problem(written)
    assert (found.line, found.key) == (4, key)
    assert words in found.message
    assert found.allowed


def test_a_misspelt_argument_is_not_also_reported_as_missing() -> None:
    found = layer_problem("Conv2D: {filter: 16, kernel_size: 3}")
    assert (found.key, found.nearest) == ("model.layers.0.filter", "filters")


def test_arguments_that_were_not_indented_are_recognised() -> None:
    found = layer_problem("Conv2D:\n      filters: 3\n      kernel_size: 3")
    assert found.message == (
        "one layer is expected here, and there are 3 keys; "
        "indent filters, kernel_size further to make them arguments of Conv2D"
    )


@pytest.mark.parametrize(
    ("training", "key", "words"),
    [
        ("optimizer: {Adam: {lr: 1e-3}}", "training.optimizer.lr", "called learning_rate now"),
        ("optimizer: {Adam: {decay: 1}}", "training.optimizer.decay", "Keras 3 has no decay"),
        ("optimizer: {Adam: -1}", "training.optimizer.learning_rate", "can't take this"),
        (
            'optimizer: {Adam: "0.1"}',
            "training.optimizer.learning_rate",
            "no learning rate schedule",
        ),
        (
            "optimizer: {Adam: {learning_rate: {CosineDecay: {decay_steps: 9}}}}",
            "training.optimizer.learning_rate",
            "CosineDecay needs initial_learning_rate",
        ),
        ("optimizer: MultiOptimizer", "training.optimizer", "can't be used"),
        (
            "loss: {BinaryCrossentropy: {from_logits: maybe}}",
            "training.loss.from_logits",
            "can't take",
        ),
        ("metrics: [Mean]", "training.metrics.0", "can't be used"),
        (
            "metrics: [accuracy, AUC, {AUC: {curve: PR}}]",
            "training.metrics.2",
            "give this one a name",
        ),
        ("metrics: [{AUC: {name: loss}}]", "training.metrics.0", "give this one a name"),
        ("metrics: [{AUC: {name: val_auc}}]", "training.metrics.0", "val_ is what Keras puts"),
        ("metrics: [{accuracy: 3}]", "training.metrics.0", "accuracy takes no arguments"),
    ],
)
def test_trainings_that_are_refused(training: str, key: str, words: str) -> None:
    found = problem(f"{SMALLEST}training:\n  {training}\n")
    assert (found.line, found.key) == (4, key)
    assert words in found.message


@pytest.mark.parametrize(
    ("given", "argument"),
    [
        ("RandomErasing: {fill_value: [1, 2, 3, 4]}", "fill_value"),
        ("RandomErasing: {fill_value: noise}", "fill_value"),
        ("RandAugment: {num_ops: -1}", "num_ops"),
        ("RandAugment: {num_ops: 1.5}", "num_ops"),
        ("RandAugment: {num_ops: 1000000000}", "num_ops"),
    ],
)
def test_what_a_training_would_stumble_over_is_no_argument(given: str, argument: str) -> None:
    found = problem(f"{SMALLEST}augmentation:\n  - {given}\n")
    assert (found.line, found.key) == (4, f"augmentation.0.{argument}")
    assert f"can't take this {argument}" in found.message


@pytest.mark.parametrize(
    "name",
    ["Conv2D: {filters: 3, kernel_size: 3}", "AutoContrast", "Resizing: {height: 8, width: 8}"],
)
def test_what_acts_in_prediction_too_is_no_augmentation(name: str) -> None:
    found = problem(f"{SMALLEST}augmentation:\n  - {name}\n")
    assert (found.line, found.key) == (4, "augmentation.0")
    assert "put it into model.layers" in found.message


def test_loading_a_config_imports_neither_tensorflow_nor_keras() -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from imgclf.config.load import load_config\n"
        "from imgclf.config.network import declared_network\n"
        f"for path in Path({str(CONFIGS)!r}).glob('*.yaml'):\n"
        "    loaded = load_config(path)\n"
        "    declared_network(loaded, 10)\n"
        "    loaded.resolved_yaml()\n"
        "print([m for m in ('tensorflow', 'keras', 'numpy', 'jax', 'torch') if m in sys.modules])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_a_config_is_checked_within_a_blink() -> None:
    for function in vars(keras_signatures).values():
        if hasattr(function, "cache_clear"):
            function.cache_clear()
    started = time.process_time()
    load_config(CONFIGS / "catdog.yaml")
    assert time.process_time() - started < 0.1
