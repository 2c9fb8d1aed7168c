"""Training losses, one function per file; torch only, plain arguments."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "background_noise": ["noise"],
        "contrastive": ["vertex_contrastive"],
        "distillation": ["vertex_distillation"],
        "etf_positional": ["positional"],
        "neighbourhood": ["margin_nca"],
        "pooled_outputs": ["direction_distillation", "pooled_output_distillation"],
        "ranking": ["margin_ranking"],
        "soft_target": ["soft_target_cross_entropy"],
        "weighted_channels": ["weighted_channel_distillation"],
    },
)
