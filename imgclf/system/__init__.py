"""Files, locks, signals, threads and what is said: nothing that knows of pictures or models."""
