"""Pretrained networks: where their weights come from, how they are built, and their features."""
