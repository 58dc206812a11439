"""What people write with Keras alone, for the control arm of benchmarks/crash.py.

python -m benchmarks.crash --stock
"""

from __future__ import annotations

import hashlib
from pathlib import Path


def train() -> None:
    """Five epochs with BackupAndRestore; leaves final.sha256 and training.csv."""
    from imgclf.backend import keras

    keras.utils.set_random_seed(123)
    training, validation = keras.utils.image_dataset_from_directory(
        "dataset",
        validation_split=0.2,
        subset="both",
        seed=123,
        image_size=(24, 24),
        batch_size=8,
        label_mode="binary",
        verbose=False,
    )
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((24, 24, 3)),
            layers.RandomFlip("horizontal"),
            layers.RandomRotation(0.1),
            layers.Rescaling(1 / 255),
            layers.Conv2D(4, 3, strides=2, activation="relu"),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "binary_crossentropy", metrics=["accuracy"])
    callbacks = keras.callbacks
    model.fit(
        training,
        validation_data=validation,
        epochs=5,
        verbose=0,
        callbacks=[
            callbacks.EarlyStopping(patience=4, restore_best_weights=True),
            callbacks.ReduceLROnPlateau(patience=1, factor=0.5, cooldown=1),
            callbacks.ModelCheckpoint("best.keras", save_best_only=True),
            callbacks.CSVLogger("training.csv", append=True),
            callbacks.BackupAndRestore("backup"),
        ],
    )
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    Path("final.sha256").write_text(digest.hexdigest())
