"""Lineage: one record per job, with everything needed to say where a number came from."""
