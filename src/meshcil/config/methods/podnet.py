"""Settings of PODNet."""

from pydantic import Field

from meshcil.config.classifier import ProxySettings


class Settings(ProxySettings):
    """Proxies, distillation of pooled stage outputs and of features, balanced fine-tuning."""

    spatial_weight: float = Field(5.0, ge=0)
    """Weight of POD-spatial; multiplied by the root of the number of classes seen per new one."""
    flat_weight: float = Field(1.0, ge=0)
    """Weight of POD-flat; multiplied by the same factor."""
