"""Moving a model's latents back to where an earlier model had them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "base": ["Aligner", "LatentPairs"],
        "eli": ["EnergyNetwork", "ascend"],
        "gates": ["GATES", "apply_gate"],
    },
)
