"""Artifact files, seeds, hashes, code digests and loading by name; imports nothing of the project."""
