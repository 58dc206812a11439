"""Correcting a trained model: what it learns from, how it learns, and what must not get worse."""
