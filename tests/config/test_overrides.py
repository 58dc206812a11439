from __future__ import annotations

import pytest

from imgclf.config.overrides import as_overrides
from imgclf.config.spec import Spec
from tests.support.config_texts import DATA, SMALLEST, load, problem, with_callbacks

FILE = (
    DATA
    + "augmentation:\n"
    + "  - RandomRotation: 0.1\n"
    + "model:\n"
    + "  layers: [Flatten, {Dense: {units: 3}}, {Dropout: 0.5}, {Dropout: 0.25}]\n"
    + "training:\n"
    + "  epochs: 7\n"
    + "  optimizer: {SGD: {momentum: 0.9}}\n"
    + "  metrics: [accuracy, AUC]\n"
    + "callbacks:\n"
    + "  - EarlyStopping: {patience: 2}\n"
    + "  - my.own:Thing: {a: 1}\n"
)


def test_defaults_give_way_to_the_file_and_the_file_to_the_command_line() -> None:
    assert load(SMALLEST).config.training.epochs == 30
    assert load(FILE).config.training.epochs == 7
    assert load(FILE, "training.epochs=5").config.training.epochs == 5
    assert load(FILE, "training.epochs=5", "training.epochs=4").config.training.epochs == 4
    assert load(SMALLEST, "training.epochs=5").config.training.epochs == 5


def test_an_override_is_written_into_the_resolved_config_and_not_into_the_text() -> None:
    loaded = load(FILE, "training.epochs=5")
    assert "  epochs: 5\n" in loaded.resolved_yaml()
    assert (loaded.text, loaded.overrides) == (FILE, ("training.epochs=5",))
    origin = loaded.file.origins["training.epochs"]
    assert (origin.line, origin.override) == (None, "training.epochs=5")


def test_the_value_is_yaml_as_in_the_file() -> None:
    config = load(
        FILE,
        "data.image_size=[64, 96]",
        "data.directory=2024/11",
        "training.optimizer.momentum=1/4",
    ).config
    assert config.data.image_size == (64, 96)
    assert config.data.directory == "2024/11"
    assert config.training.optimizer.arguments == {"momentum": 0.25}


@pytest.mark.parametrize(
    "folder", ["pets", "фото", "photos \U0001f4f7", "a\tb", "a\u2028b", "a\x7f"]
)
def test_values_of_python_are_what_they_are(folder: str) -> None:
    changes = as_overrides({"data.directory": folder, "data.image_size": (64, 96)})
    config = load(FILE, *changes).config
    assert (config.data.directory, config.data.image_size) == (folder, (64, 96))


def test_spaces_around_the_key_do_not_matter() -> None:
    assert load(FILE, " training.epochs = 5").config.training.epochs == 5


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("training.optimizer=adam", Spec(name="Adam")),
        (
            "training.optimizer.learning_rate=1e-4",
            Spec(name="SGD", arguments={"momentum": 0.9, "learning_rate": 1e-4}),
        ),
        ("training.optimizer.SGD.momentum=0.5", Spec(name="SGD", arguments={"momentum": 0.5})),
        ("training.optimizer={adam: {beta_1: 0.8}}", Spec(name="Adam", arguments={"beta_1": 0.8})),
    ],
)
def test_the_optimizer_or_one_of_its_arguments_is_set(override: str, expected: Spec) -> None:
    assert load(FILE, override).config.training.optimizer == expected


def test_the_default_optimizer_takes_arguments_too() -> None:
    optimizer = load(SMALLEST, "training.optimizer.learning_rate=1e-4").config.training.optimizer
    assert optimizer == Spec(name="Adam", arguments={"learning_rate": 1e-4})


def test_an_argument_of_a_schedule_inside_the_optimizer_is_set() -> None:
    schedule = "{CosineDecay: {initial_learning_rate: 0.1, decay_steps: 9}}"
    optimizer = load(
        SMALLEST,
        f"training.optimizer.learning_rate={schedule}",
        "training.optimizer.learning_rate.decay_steps=5",
        "training.optimizer.learning_rate.CosineDecay.alpha=0.1",
    ).config.training.optimizer
    rate = {"initial_learning_rate": 0.1, "decay_steps": 5, "alpha": 0.1}
    assert optimizer.arguments["learning_rate"] == Spec(name="CosineDecay", arguments=rate)


def test_an_argument_of_an_object_inside_of_a_layer_is_set() -> None:
    text = SMALLEST.replace("Flatten", "{Dense: {units: 3, kernel_regularizer: {L1L2: 0.5}}}")
    layer = load(text, "model.layers.Dense.kernel_regularizer.l2=0.25").config.model.layers[0]
    inner = Spec(name="L1L2", arguments={"l1": 0.5, "l2": 0.25})
    assert layer.arguments["kernel_regularizer"] == inner


def test_a_callback_is_found_by_its_name_or_its_place() -> None:
    for override in ("callbacks.EarlyStopping.patience=3", "callbacks.0.patience=3"):
        assert load(FILE, override).config.callbacks[0].arguments == {"patience": 3}
    own = load(FILE, "callbacks.my.own:Thing.b=2").config.callbacks[1]
    assert own == Spec(name="my.own:Thing", arguments={"a": 1, "b": 2})


def test_a_callback_that_is_not_there_is_added() -> None:
    config = load(
        FILE,
        "callbacks.ReduceLROnPlateau.patience=3",
        "callbacks.CSVLogger=",
        "callbacks.other.mod:Thing.b=2",
    ).config
    assert config.callbacks[2:] == (
        Spec(name="ReduceLROnPlateau", arguments={"patience": 3}),
        Spec(name="CSVLogger"),
        Spec(name="other.mod:Thing", arguments={"b": 2}),
    )
    alone = load(SMALLEST, "callbacks.EarlyStopping.patience=3").config
    assert alone.callbacks == (Spec(name="EarlyStopping", arguments={"patience": 3}),)


def test_a_callback_is_turned_off() -> None:
    config = load(FILE, "callbacks.TensorBoard=none", "callbacks.EarlyStopping=off").config
    assert config.callback_off("TensorBoard")
    assert config.callback_off("EarlyStopping")
    assert not config.callback_off("CSVLogger")


def test_a_callback_that_the_file_turned_off_is_turned_on_again() -> None:
    for word in ("none", "off", "null"):
        text = with_callbacks(f"TensorBoard: {word}")
        config = load(text, "callbacks.TensorBoard.histogram_freq=1").config
        assert config.callbacks == (Spec(name="TensorBoard", arguments={"histogram_freq": 1}),)


def test_a_value_alone_keeps_its_place_when_another_argument_is_set() -> None:
    config = load(FILE, "augmentation.RandomRotation.fill_mode=nearest").config
    arguments = {"factor": 0.1, "fill_mode": "nearest"}
    assert config.augmentation == (Spec(name="RandomRotation", arguments=arguments),)


def test_a_layer_is_replaced_by_its_place() -> None:
    layers = load(FILE, "model.layers.2={SpatialDropout2D: 0.1}").config.model.layers
    assert layers[2] == Spec(name="SpatialDropout2D", arguments={"rate": 0.1})


def test_a_metric_in_a_single_word_takes_an_argument() -> None:
    config = load(SMALLEST + "training: {metrics: AUC}\n", "training.metrics.AUC.curve=PR").config
    assert config.training.metrics == (Spec(name="AUC", arguments={"curve": "PR"}),)


@pytest.mark.parametrize(
    ("override", "message", "nearest"),
    [
        ("training.epochs", "this is not KEY=VALUE", None),
        ("=5", "this is not KEY=VALUE", None),
        ("training..epochs=5", "this is not KEY=VALUE", None),
        ("a." * 5000 + "a=5", "this is not KEY=VALUE", None),
        ("training.epochs=many", "this can't be used", None),
        ("training.epoch=5", "there is no such key in training", "epochs"),
        ("trainin.epochs=5", "there is no such key", "training"),
        ("training.epochs.x=5", "this can't be used", None),
        ("training.epochs=[1", "this is not YAML: while parsing a flow sequence", None),
        ("model.layers.Dropot.rate=0.1", "model.layers has no Dropot", "Dropout"),
        (
            "model.layers.Dropout.rate=0.1",
            "there are 2 of Dropout; say which: model.layers.2 or model.layers.3",
            None,
        ),
        ("model.layers.9=Flatten", "model.layers has 4 members, counted from 0", None),
        ("training.metrics.AUCC.curve=PR", "training.metrics has no AUCC", "AUC"),
        (
            "callbacks.EarlyStoping.patience=3",
            "Keras has no callback of this name",
            "EarlyStopping",
        ),
        ("training.metrics.accuracy.x=1", "accuracy takes no arguments", None),
        (
            "training.loss.from_logits=true",
            "there is no loss to change; name one first: --set training.loss=NAME",
            None,
        ),
        (
            'callbacks.EarlyStopping.patience="2"',
            "EarlyStopping can't take this patience; a number is written without quotes",
            None,
        ),
        (
            "callbacks.EarlyStopping.patinece=2",
            "EarlyStopping has no argument patinece",
            "patience",
        ),
    ],
)
def test_a_problem_of_an_override_is_named_by_it(
    override: str, message: str, nearest: str | None
) -> None:
    found = problem(FILE, override)
    assert found.key[:100].startswith(f"--set {override}"[:100])
    assert found.line is None
    assert found.message[: len(message)] == message
    assert found.nearest == nearest


def test_a_problem_deep_inside_of_an_override_names_its_key_too() -> None:
    found = problem(FILE, 'callbacks.EarlyStopping={patience: "2"}')
    assert found.key == '--set callbacks.EarlyStopping={patience: "2"}: callbacks.0.patience'


def test_problems_of_the_file_and_of_overrides_are_told_together() -> None:
    from tests.support.config_texts import problems

    found = problems(SMALLEST + "training: {epochs: 0}\n", "data.seed=x", "nonsense")
    assert [(p.line, p.key) for p in found] == [
        (3, "training.epochs"),
        (None, "--set nonsense"),
        (None, "--set data.seed=x"),
    ]
