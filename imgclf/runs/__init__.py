"""A training's folder: what it holds, how it is gone on with, and its commits."""
