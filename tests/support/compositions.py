"""Configurations as the command line composes them."""

from collections.abc import Callable

from omegaconf import DictConfig

Compose = Callable[..., DictConfig]
