"""The classifier: building it, running it, and how well it does."""
