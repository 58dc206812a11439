"""Tuning: trainings of one config with other values, to find which values are best."""
