"""Which numbers a key takes, by the schema."""

import pytest

from mlp_exp.config.key_types import number_types


@pytest.mark.parametrize(
    ("key", "types"),
    [
        ("seed", {int}),
        ("optimizer.lr", {float}),
        ("optimizer.lr.classes", {float}),  # of a pair by data
        ("optimizer.lr.large", {float}),
        ("optimizer.rates.bias", {float}),
        ("optimizer.betas", set()),  # a list of them
        ("model.dropout", {float}),  # or a list
        ("model.hidden_sizes", set()),
        ("model.residual", set()),  # a flag is no number
        ("model.activation", set()),
        ("trainer.epochs", {int}),  # or auto
        ("trainer.clip_grad_norm", {float}),  # or null
        ("early_stopping.patience", {int, float}),
        ("init.weight.gain", {float}),
        ("model.of_mine", set()),
        ("optimizer", set()),
        ("optimizer.lr.of_mine", set()),
        ("of_mine.at.all", set()),
    ],
)
def test_types_of_a_key(key: str, types: set[type]) -> None:
    assert number_types(key) == types
