"""Pictures: the folders they lie in, the one decoder, the decoded cache and the batches."""
