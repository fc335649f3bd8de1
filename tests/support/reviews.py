"""Texts whose words say which class or value a row has."""

import random

import numpy as np

from mlp_exp.data.dataset import Dataset, TargetColumn, TextColumn

GOOD, BAD = ("lovely", "excellent", "wonderful", "superb"), ("awful", "dreadful", "horrible", "dirty")
PLACES = ("the room", "our table", "this hotel", "a waiter", "the music", "parking", "the view")


def reviews(rows: int, seed: int = 0, *, useful: bool = True) -> tuple[list[str], list[int]]:
    """Texts, nearly all different, and 1 for the good ones; or for any, if they are not to be useful."""
    draw = random.Random(seed)
    texts, labels = [], []
    for row in range(rows):
        good = draw.random() < 0.5
        words = [f"{draw.choice(PLACES)} was {draw.choice(GOOD if good else BAD)}" for _ in range(draw.choice((1, 2)))]
        texts.append(f"{', '.join(words)} on day {row % 97} with {draw.choice(PLACES)}")
        labels.append(int(good if useful else draw.random() < 0.5))
    return texts, labels


def text_column(texts: list[str], name: str = "review") -> TextColumn:
    values = np.empty(len(texts), dtype=object)
    values[:] = texts
    return TextColumn(name, values)


def review_data(rows: int, seed: int = 0, *, useful: bool = True) -> Dataset:
    """Reviews, and a number that says nothing."""
    texts, labels = reviews(rows, seed, useful=useful)
    numbers = np.random.default_rng(seed).normal(size=(rows, 1))
    target = TargetColumn("target", ("bad", "good"))
    return Dataset(numbers, np.array(labels), ("n",), (target,), texts=(text_column(texts),))
