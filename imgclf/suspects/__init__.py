"""Labels that are probably wrong: how they are found."""
