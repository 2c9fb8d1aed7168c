"""One module per claim, each with ``measure() -> {case: {quantity: value}}``; ``python -m benchmarks`` runs all."""
