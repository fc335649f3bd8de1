"""Datasets with every kind of column."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mlp_exp.data.dataset import Category, Dataset, TargetColumn
from mlp_exp.data.preprocessing import Scaling

NAN = math.nan
SCALINGS: list[Scaling] = ["none", "standard", "robust", "quantile"]
TRAIN = np.arange(0, 90, 2)
"""Training rows of the tables here; there are others before and after each of them."""


def category(name: str, values: Sequence[str | None]) -> Category:
    """A category from its texts; None where missing."""
    texts = tuple(sorted({text for text in values if text is not None}))
    codes = [-1 if text is None else texts.index(text) for text in values]
    return Category(name, np.array(codes, dtype=np.int32), texts)


def table(columns: Any, categories: Sequence[Category] = (), target: Any = None) -> Dataset:
    """A dataset from columns of numbers; a regression if `target` is given, else of two classes."""
    rows = len(columns[0]) if len(columns) else len(categories[0].codes)
    features = np.array(columns, dtype=np.float64).T.reshape(rows, len(columns))
    classes = np.arange(rows) % 3 % 2
    names = tuple(f"x{i}" for i in range(len(columns)))
    labels = () if target is not None else ("no", "yes")
    values = classes if target is None else np.array(target, dtype=np.float64)
    return Dataset(features, values, names, (TargetColumn("target", labels),), categories=tuple(categories))


def mixed(seed: int = 0, *, regression: bool = False) -> Dataset:
    """90 rows of every kind: heavy tails, few values, gaps, a constant, nothing at all; few and many categories."""
    rng = np.random.default_rng(seed)
    gaps = np.where(rng.random(90) < 0.3, NAN, rng.normal(50, 9, 90))
    columns = [rng.normal(3, 5, 90), np.exp(rng.normal(0, 3, 90)), rng.integers(0, 3, 90), gaps]
    columns += [np.full(90, 7.0), np.full(90, NAN), np.where(np.isin(np.arange(90), TRAIN), 1.0, NAN)]
    few = rng.choice(np.array(["a", "b", "c", None], dtype=object), 90)
    many = [f"city {number}" for number in rng.integers(0, 20, 90)]
    some = [None if rng.random() < 0.2 else f"street {number}" for number in rng.integers(0, 20, 90)]
    categories = [category("few", few.tolist()), category("many", many), category("some", some)]
    return table(columns, categories, rng.gamma(2, 3, 90) if regression else None)


def with_other_rows_changed(dataset: Dataset, seed: int) -> Dataset:
    """The same training rows; all others hold anything, new categories and outliers and gaps among it."""
    rng = np.random.default_rng(seed)
    others = np.setdiff1d(np.arange(len(dataset.target)), TRAIN)
    features, target = dataset.features.copy(), dataset.target.copy()
    features[others] = rng.choice([NAN, -1e12, 1e12, 0.0, 7.0], size=(len(others), features.shape[1]))
    target[others] = rng.permutation(target[others]) if dataset.class_names else rng.uniform(0, 1e6, len(others))
    categories = []
    for old in dataset.categories:
        texts = [None if code < 0 else old.texts[code] for code in old.codes]
        for row in others:
            texts[row] = rng.choice(["", "aaa", "zzz", "city 5", f"new {row}"]) if rng.random() < 0.8 else None
        categories.append(category(old.name, texts))
    return replace(dataset, features=features, target=target, categories=tuple(categories))
