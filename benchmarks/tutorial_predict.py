"""The control arms for prediction, in plain Keras.

python benchmarks/tutorial_predict.py MODEL.keras PICTURE    the tutorial's script
python benchmarks/tutorial_predict.py MODEL.keras FOLDER     model.predict over a folder
"""

import sys
from pathlib import Path

import keras

model = keras.models.load_model(sys.argv[1])
size = model.input_shape[1:3]
if Path(sys.argv[2]).is_dir():
    pictures = keras.utils.image_dataset_from_directory(
        sys.argv[2], labels=None, shuffle=False, image_size=size, batch_size=32
    )
    print(model.predict(pictures, verbose=0).mean())
else:
    picture = keras.utils.load_img(sys.argv[2], target_size=size)
    print(model.predict(keras.utils.img_to_array(picture)[None], verbose=0))
