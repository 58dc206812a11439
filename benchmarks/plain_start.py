"""The control arm for starting: the least that plain Keras needs until its first training step.

    python benchmarks/plain_start.py {train_on_batch,fit} TIMES.json

Imports TensorFlow, builds and compiles the tutorial's network, and takes one step on a batch of
random numbers in memory; writes when, on the clock of `time.perf_counter`, the step was done.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import tensorflow as tf  # noqa: F401 - what every such script begins with
from tutorial_train import tutorial_model

model = tutorial_model(2)
generator = np.random.default_rng(0)
pictures = generator.uniform(0, 255, (32, 180, 180, 3)).astype(np.float32)
labels = generator.integers(0, 2, (32, 1)).astype(np.float32)
if sys.argv[1] == "fit":
    model.fit(pictures, labels, batch_size=32)
else:
    model.train_on_batch(pictures, labels)
Path(sys.argv[2]).write_text(json.dumps({"first_step": time.perf_counter()}))
