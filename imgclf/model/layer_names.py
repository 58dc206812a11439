"""The layers of a model that are found by their names."""

FEATURES = "features"
"""The layer that puts out what a network is used for; its input is often the last feature map."""

STANDARDIZATION = "standardization"
"""The layer after it, which brings features to mean 0 and like variances in training pictures."""

POOL, FLAT, UNIT = "corrections_pool", "corrections_flat", "corrections_unit"
"""From the last feature map to what the neurons of corrections see; the first may be left out."""

NEURONS, STRENGTH = "corrections", "corrections_strength"
"""The neurons of corrections, and what each of them adds to the logits."""

SUM, ANSWER = "corrections_sum", "corrections_answer"
"""The logits with what the neurons add to them, and the activation after it."""

TWO = "corrections_two"
"""One logit for two classes as two logits, of a model that learned a third class later."""
