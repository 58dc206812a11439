"""The layers of a model on a pretrained network that are found by their names."""

FEATURES = "features"
"""The layer whose output a pretrained network is used for; its input is the last feature map."""

STANDARDIZATION = "standardization"
"""The layer after it, which brings features to mean 0 and like variances in training pictures."""

CORRECTIONS = "corrections"
"""What the names of layers that corrections have added begin with."""
