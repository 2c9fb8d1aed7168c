"""The optimiser loop and its batches."""
