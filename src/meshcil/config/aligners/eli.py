"""Settings of ELI, the energy-based latent aligner (Joseph et al., CVPR 2022)."""

from typing import Literal

from pydantic import Field

from meshcil.config.aligners.base import AlignerSettings


class Settings(AlignerSettings):
    """An energy over latents, learned between two steps; latents move down it when they are aligned."""

    layers: int = Field(2, ge=0)
    """Hidden layers of the energy network; 0 is one linear map."""
    hidden: int = Field(64, ge=1)
    """Units of a hidden layer."""
    steps: int = Field(30, ge=1)
    """Gradient steps of the sampler, in training and when aligning (K)."""
    step_size: float = Field(0.1, gt=0)
    """Length of a gradient step."""
    iterations: int = Field(1500, ge=1)
    """Batches that the energy network learns from; the published stopping point."""
    batch_size: int = Field(128, ge=1)
    """Pairs of latents per batch; all of them where there are fewer."""
    lr: float = Field(1e-4, gt=0)
    """Learning rate (RMSprop, smoothing 0.99)."""
    ema: float = Field(0.89, ge=0, lt=1)
    """Decay of the averaged network, which is the one that aligns."""
    stopping: Literal["fixed", "held-out"] = "fixed"
    """`fixed`: after `iterations`; `held-out`: keep the state that is best on held-out training data, no test data."""
    held_out_share: float = Field(0.2, gt=0, lt=1)
    """Share of the pairs set aside by `held-out`."""
    evaluate_every: int = Field(50, ge=1)
    """Iterations between two looks at the held-out data."""
    patience: int = Field(10, ge=1)
    """Looks without improvement after which `held-out` stops early."""
