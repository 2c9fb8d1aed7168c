"""One file per kind of figure: ``draw(scores[, options]) -> Figure``; found by name."""
