"""The callback stack: what happens around the steps of a training."""
