"""The layers that are found by their names."""

FEATURES = "features"
"""The layer that puts out what a network is used for; its input is often the last feature map."""

STANDARDIZATION = "standardization"
"""The layer after it, which brings features to mean 0 and like variances in training pictures."""

ANSWER = "corrections_answer"
"""The last layer of a model that has the neurons of corrections in it."""
