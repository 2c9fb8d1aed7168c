"""Networks, heads and the latent space of neural mesh models; plain arguments, never a configuration."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "etf": ["partition_latent_space", "simplex_etf", "unit_vectors"],
        "neural_mesh": ["update_vertices", "write_background"],
    },
)
