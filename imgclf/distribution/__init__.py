"""One training in several processes, on one machine or many, by Keras's JAX backend.

Each process that somebody starts (the launcher) keeps a process of its own beside it (the trainer),
which alone imports JAX and does the steps. The launcher lives on when JAX ends the trainer because
another process is gone, and can say so; and that of process 0 publishes the model with TensorFlow,
of which the trainer knows nothing.

    processes.py   who am I, and how many are we: from the environment
    launcher.py    starts the trainer, hears signals, says how it ended
    trainer.py     from the first connection to the last step
    peers.py       what the trainers tell each other
    messages.py    what launcher and trainer tell each other
"""
