"""One file per kind of table: ``build(scores, options) -> DataFrame``; found by name."""
