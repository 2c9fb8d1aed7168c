"""Snakemake finds logger plugins by the name of a package on the path: `snakemake --logger meshcil`."""

from meshcil.cli.progress import LogHandler

__all__ = ["LogHandler"]
