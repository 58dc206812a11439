"""LiteRT graphs, read and checked before the interpreter, which believes them, sees them."""
