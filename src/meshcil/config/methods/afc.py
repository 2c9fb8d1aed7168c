"""Settings of AFC."""

from pydantic import Field

from meshcil.config.classifier import ProxySettings


class Settings(ProxySettings):
    """Proxies, importance-weighted distillation of channels, balanced fine-tuning of the classifier."""

    distillation_weight: float = Field(4.0, ge=0)
    """Weight of the distillation; multiplied by the root of the number of classes seen per new one."""
