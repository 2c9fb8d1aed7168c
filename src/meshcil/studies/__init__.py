"""Experiments of their own making: each is one job per seed, from settings to scores."""
