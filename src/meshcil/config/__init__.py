"""Configuration: YAML files -> validated, frozen pydantic models -> the resolved run of one job chain."""
