"""Logging of job records to an experiment tracker; nothing in the pipeline depends on it."""
