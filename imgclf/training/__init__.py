"""The training loop: what is trained, on what, in which phases."""
