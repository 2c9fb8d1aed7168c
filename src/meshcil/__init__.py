"""MeshCIL: class-incremental learning reproduced and audited (iNeMo, MEMO, ELI)."""

__version__ = "0.1.0"
