"""One file per kind of table: ``build(scores[, options]) -> Table``; found by name."""
