"""The one file that a model is: reading it, screening it, writing it, its versions."""
