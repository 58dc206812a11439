"""The least that one prediction can cost: zipfile, Pillow and LiteRT, nothing else.

python benchmarks/bare_predict.py MODEL.keras PICTURE

Of a model on a pretrained network the graph ends at the features; NumPy and msgspec, which read
its head, are loaded then. The head must be Dense layers without activations, uncorrected.
"""

import json
import os
import sys
import zipfile

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

head = None
with zipfile.ZipFile(sys.argv[1]) as archive:
    manifest = json.loads(archive.read("imgclf/manifest.json"))
    if manifest.get("head_sha256"):
        from msgspec import msgpack

        graph = archive.read("imgclf/features.tflite")
        head = msgpack.decode(archive.read("imgclf/head.msgpack"))
    else:
        graph = archive.read("imgclf/model.tflite")
interpreter = Interpreter(model_content=graph, num_threads=os.cpu_count())
size = (manifest["decoder"]["width"], manifest["decoder"]["height"])
picture = Image.open(sys.argv[2]).convert("RGB").resize(size, Image.Resampling.BILINEAR)
interpreter.allocate_tensors()
interpreter.set_tensor(interpreter.get_input_details()[0]["index"], np.float32(picture)[None])
interpreter.invoke()
found = [interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()]
outputs = next(one for one in found if one.ndim == 2)
if head is not None:
    for layer in head["layers"]:
        kernel, bias = (
            np.frombuffer(layer[name]["values"], "<f4").reshape(layer[name]["shape"])
            for name in ("kernel", "bias")
        )
        outputs = outputs @ kernel + bias
    if head["activation"]["name"] == "sigmoid":
        outputs = 1 / (1 + np.exp(-outputs))
    else:
        outputs = np.exp(outputs - outputs.max())
        outputs /= outputs.sum()
print(outputs)
