"""Training from Python, shortened: the suite has to be fast where examples are run as a page has them."""

from collections.abc import Sequence
from typing import Any

from mlp_exp.api.command import command
from mlp_exp.cli.in_python import Called

SHORT = ("trainer.plots=never", "baselines=none")
EPOCHS = "trainer.epochs="


def shortened(words: Sequence[str], **options: Any) -> Called:
    """In the place of `mlp_exp.api.calling.command`: without figures and baselines, and with few epochs."""
    epochs = [] if any(word.startswith(EPOCHS) for word in words) else [f"{EPOCHS}2"]
    return command([*words, *SHORT, *epochs], **options)
