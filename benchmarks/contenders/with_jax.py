"""JAX with optax: all epochs and steps in one compiled scan; several runs by vmap of the same function."""

import itertools
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import optax
from jax import numpy as jnp
from work import Rows, Work

Arrays = list[tuple[jax.Array, jax.Array]]


def logits_of(parameters: Arrays, x: jax.Array) -> jax.Array:
    for weight, bias in parameters[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    weight, bias = parameters[-1]
    return (x @ weight + bias)[:, 0]


def first_parameters(work: Work, key: jax.Array) -> Arrays:
    """As torch draws them."""
    widths = (work.features, *work.hidden, 1)
    made = []
    for before, after in itertools.pairwise(widths):
        key, of_weight, of_bias = jax.random.split(key, 3)
        bound = before**-0.5
        weight = jax.random.uniform(of_weight, (before, after), minval=-bound, maxval=bound)
        made.append((weight, jax.random.uniform(of_bias, (after,), minval=-bound, maxval=bound)))
    return made


def trainer(work: Work, x: jax.Array, y: jax.Array) -> Callable[[jax.Array, jax.Array], Arrays]:
    """A function of seed and learning rate that gives the trained parameters."""
    steps = work.steps_of_an_epoch
    missing = steps * work.batch - work.rows  # of the last batch; filled up with rows of weight zero
    counts = jnp.ones(work.rows + missing).at[work.rows :].set(0.0).reshape(steps, work.batch)
    adam = optax.scale_by_adam()

    def loss(parameters: Arrays, rows: jax.Array, counted: jax.Array) -> jax.Array:
        losses = optax.sigmoid_binary_cross_entropy(logits_of(parameters, x[rows]), y[rows])
        return (losses * counted).sum() / counted.sum()

    def fit(seed: jax.Array, lr: jax.Array) -> Arrays:
        key = jax.random.key(seed)
        parameters = first_parameters(work, key)

        def step(state: Any, batch: Any) -> tuple[Any, None]:
            parameters, moments = state
            updates, moments = adam.update(jax.grad(loss)(parameters, *batch), moments)
            return (jax.tree.map(lambda p, u: p - lr * u, parameters, updates), moments), None

        def epoch(state: Any, key: jax.Array) -> tuple[Any, None]:
            order = jnp.pad(jax.random.permutation(key, work.rows), (0, missing))
            return jax.lax.scan(step, state, (order.reshape(steps, work.batch), counts))[0], None

        keys = jax.random.split(jax.random.fold_in(key, 1), work.epochs)
        return jax.lax.scan(epoch, (parameters, adam.init(parameters)), keys)[0][0]

    return fit


def train_many(work: Work, rows: Rows, runs: Sequence[tuple[int, float]]) -> list[dict[str, float]]:
    """All at once."""
    seeds, rates = (jnp.array(values) for values in zip(*runs, strict=True))
    fit = trainer(work, jnp.asarray(rows.train_x), jnp.asarray(rows.train_y, jnp.float32))
    many = jax.jit(jax.vmap(fit) if len(runs) > 1 else lambda s, r: jax.tree.map(lambda a: a[None], fit(s[0], r[0])))
    start = time.perf_counter()
    compiled = many.lower(seeds, rates).compile()
    begun = time.perf_counter()
    parameters = jax.block_until_ready(compiled(seeds, rates))
    ended = time.perf_counter()
    logits = jax.vmap(logits_of, (0, None))(parameters, jnp.asarray(rows.test_x))
    accuracies = ((logits > 0) == jnp.asarray(rows.test_y)).mean(1)
    shares = {"seconds": (ended - begun) / len(runs), "compile": (begun - start) / len(runs)}
    return [{**shares, "accuracy": float(accuracy)} for accuracy in accuracies]


def train(work: Work, rows: Rows, seed: int, lr: float) -> dict[str, float]:
    return train_many(work, rows, [(seed, lr)])[0]
