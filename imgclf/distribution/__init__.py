"""One training in several processes, on one machine or many, by Keras's JAX backend.

Each process that somebody starts (the front) keeps a process of its own beside it (the worker),
which alone imports JAX and does the steps. The front lives on when JAX ends the worker because
another process is gone, and can say so; and that of process 0 publishes the model with
TensorFlow, of which the worker knows nothing.

    processes.py   who am I, and how many are we: from the environment
    front.py       what the front does: starts the worker, hears signals, says how it ended
    worker.py      what the worker does, from the first connection to the last step
    peers.py       what the workers tell each other
"""
