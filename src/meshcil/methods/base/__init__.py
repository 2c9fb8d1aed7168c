"""The abstract parts of every method."""
