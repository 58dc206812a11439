"""The classifier: building it, the one file it lives in, its versions, and engines that run it."""
