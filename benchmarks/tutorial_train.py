"""The control arm: the tutorial's recipe in plain Keras, with nothing of imgclf in it.

    python benchmarks/tutorial_train.py TRAIN_DIR TEST_DIR --seed 0 --save tutorial.keras

Prints one JSON line: the test accuracy of the last epoch's model (what the tutorial
publishes), that of the best validation epoch's, and the seconds that it took.
"""

import argparse
import json
import time

start = time.perf_counter()

import keras  # noqa: E402
from keras import layers  # noqa: E402


def tutorial_model(num_classes: int) -> keras.Sequential:
    """The CNN of the tutorial: four convolutions, 16-32-64-128, over 180 x 180 pictures."""
    model = keras.Sequential(
        [
            keras.Input((180, 180, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.RandomZoom(0.1),
            layers.Rescaling(1 / 255),
        ]
    )
    for filters in (16, 32, 64, 128):
        model.add(layers.Conv2D(filters, 3, padding="same", activation="relu"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Dropout(0.25))
    model.add(layers.Flatten())
    model.add(layers.Dense(128, activation="relu"))
    if num_classes == 2:
        model.add(layers.Dense(1, activation="sigmoid"))
        loss = "binary_crossentropy"
    else:
        model.add(layers.Dense(num_classes, activation="softmax"))
        loss = "sparse_categorical_crossentropy"
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("train_dir")
    parser.add_argument("test_dir")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--save", default="tutorial.keras")
    arguments = parser.parse_args()

    keras.utils.set_random_seed(arguments.seed)
    read = {"image_size": (180, 180), "batch_size": 32}
    split = {"validation_split": 0.2, "seed": 123}
    directory = keras.utils.image_dataset_from_directory
    training = directory(arguments.train_dir, subset="training", **split, **read)
    validation = directory(arguments.train_dir, subset="validation", **split, **read)
    test = directory(arguments.test_dir, shuffle=False, **read)

    model = tutorial_model(len(training.class_names))
    best = keras.callbacks.ModelCheckpoint(
        arguments.save.replace(".keras", ".best.keras"), monitor="val_accuracy", save_best_only=True
    )
    model.fit(
        training.cache().shuffle(1000).prefetch(1),
        validation_data=validation.cache().prefetch(1),
        epochs=arguments.epochs,
        callbacks=[best],
        verbose=2,
    )
    seconds = time.perf_counter() - start
    model.save(arguments.save)
    last = model.evaluate(test, verbose=0)[1]
    model.load_weights(best.filepath)
    result = {
        "seed": arguments.seed,
        "test_accuracy_last": round(last, 4),
        "test_accuracy_best": round(model.evaluate(test, verbose=0)[1], 4),
        "seconds": round(seconds, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
