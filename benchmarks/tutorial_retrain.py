"""The control arm: the tutorial's script for one picture that the model has wrong.

    python benchmarks/tutorial_retrain.py MODEL.keras PICTURE LABEL

LABEL is the number of the class. Predicts, fits on the picture alone, saves, in plain Keras.
The model is saved beside the old one, so that it can be run again.
"""

import sys

import keras
import numpy as np

path, picture, label = sys.argv[1:4]
model = keras.models.load_model(path)
array = keras.utils.img_to_array(keras.utils.load_img(picture, target_size=model.input_shape[1:3]))
print(model.predict(array[None], verbose=0))
model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=model.loss, metrics=["accuracy"])
model.fit(array[None], np.array([[int(label)]], np.float32), epochs=5, verbose=0)
model.save(path.replace(".keras", ".tutorial.keras"))
