"""What to train and how: the config file, checked before anything is imported or read."""
