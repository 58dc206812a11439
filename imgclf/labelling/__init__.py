"""Which pictures are worth a label, who judges by them, and when there are enough."""
