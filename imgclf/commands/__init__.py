"""What each command does, as a recipe; how it is typed and printed is `imgclf.cli`'s."""
