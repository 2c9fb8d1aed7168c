"""Stages of the pipeline: argument parsing and wiring, one command each (`python -m meshcil.stages.<stage>`)."""
