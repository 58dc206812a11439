"""The least that one prediction can cost: zipfile, Pillow and LiteRT, nothing else.

Of a model in two parts it is the features that are printed: the head is little beside them.

python benchmarks/bare_predict.py MODEL.keras PICTURE
"""

import json
import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

with zipfile.ZipFile(sys.argv[1]) as archive:
    decoder = json.loads(archive.read("imgclf/manifest.json"))["decoder"]
    graph = min({"imgclf/model.tflite", "imgclf/features.tflite"} & set(archive.namelist()))
    interpreter = Interpreter(model_content=archive.read(graph))
size = (decoder["width"], decoder["height"])
picture = Image.open(sys.argv[2]).convert("RGB").resize(size, Image.Resampling.BILINEAR)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32(picture)[None])
interpreter.invoke()
print(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]))
