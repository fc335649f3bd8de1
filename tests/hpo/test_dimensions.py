"""Ranges and choices: what is read, what is written back, and which values lie in them."""

import math
import random
from collections.abc import Callable
from typing import Any

import optuna
import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from support.searches import space_of

from mlp_exp.hpo.dimensions import Dimension, Value, value_of, written

optuna.logging.set_verbosity(optuna.logging.WARNING)


def below(end: float) -> float:
    return math.nextafter(end, -math.inf)


def dimension(override: str) -> Dimension:
    space = space_of(override)
    assert space.problems == ()
    (found,) = space.dimensions
    return found


def parsed(override: str) -> Any:
    return OverridesParser.create().parse_override(override).value()


@pytest.mark.parametrize(
    ("override", "distribution"),
    [
        ("model.dropout=interval(0,1)", FloatDistribution(0.0, below(1.0))),  # real by the schema
        ("model.dropout=range(0,1,0.1)", FloatDistribution(0.0, 0.9, step=0.1)),
        ("model.dropout=range(0.9,0,-0.3)", FloatDistribution(0.3, 0.9, step=0.3)),
        ("optimizer.lr=range(1,4)", FloatDistribution(1.0, 3.0, step=1.0)),
        ("optimizer.lr=tag(log,interval(1e-4,1e-1))", FloatDistribution(1e-4, below(0.1), log=True)),
        ("optimizer.lr=tag(int,interval(1,5))", IntDistribution(1, 4)),
        ("trainer.batch_size=interval(16,65)", IntDistribution(16, 64)),  # whole by the schema
        ("trainer.batch_size=tag(log,interval(16,65))", IntDistribution(16, 64, log=True)),
        ("trainer.batch_size=tag(log,range(16,65))", IntDistribution(16, 64, log=True)),
        ("trainer.batch_size=range(16,65,16)", IntDistribution(16, 64, step=16)),
        ("trainer.steps=interval(1e2,1e3)", IntDistribution(100, 999)),
        ("seed=range(5)", IntDistribution(0, 4)),
        ("seed=sort(range(5),reverse=true)", IntDistribution(0, 4)),
        ("seed=shuffle(range(5))", IntDistribution(0, 4)),
        ("seed=range(10,0,-3)", IntDistribution(1, 10, step=3)),
        ("early_stopping.patience=interval(3,9)", IntDistribution(3, 8)),  # as it is written
        ("early_stopping.patience=interval(0.1,0.9)", FloatDistribution(0.1, below(0.9))),
        ("+model.of_mine=interval(1,5)", IntDistribution(1, 4)),
        ("+model.of_mine=tag(log,interval( start=1, end=5 ))", IntDistribution(1, 4, log=True)),
        ("+model.of_mine=interval(1,5.0)", FloatDistribution(1.0, below(5.0))),
        ("+model.of_mine=float(interval(1,5))", FloatDistribution(1.0, below(5.0))),
        ("+model.of_mine=int(interval(1.5,5.5))", IntDistribution(1, 4)),
        ("+model.of_mine=tag(float,range(1,5))", FloatDistribution(1.0, 4.0, step=1.0)),
        ("optimizer=adam,sgd,adam", CategoricalDistribution(("adam", "sgd"))),
        ("seed=sort(3,1,2)", CategoricalDistribution((1, 2, 3))),
        ("seed=choice(7)", CategoricalDistribution((7,))),
        ("model.hidden_sizes=[64, 32],[]", CategoricalDistribution(("[64,32]", "[]"))),
        ("model.norm=null,batch", CategoricalDistribution(("null", "batch"))),
        ("model.residual=true,false", CategoricalDistribution((True, False))),
    ],
)
def test_the_distribution_of_an_override(override: str, distribution: Any) -> None:
    assert dimension(override).distribution() == distribution


@pytest.mark.parametrize(
    "value",
    [
        *(None, True, False, 0, -3, 0.1, 1e-300, 5e-324, 1e22, -1.5e-7),
        *(
            "adam",
            "a b",
            "true",
            "null",
            "1",
            "1e3",
            "it's",
            'say "x"',
            "a\\",
            "a,b",
            "x=1",
            "",
            "[1]",
            "nan",
            "ü",
            "$x",
        ),
        *([], [64, 32], [0.9, 0.999], ["a b", None, True, "1"], [[1], [2]], {"a": 1, "b c": [None]}),
    ],
    ids=repr,
)
def test_what_is_written_is_parsed_back(value: Any) -> None:
    found = parsed(f"key={written(value)}")
    assert found == value
    assert type(found) is type(value)
    space = space_of(params={"key": [value, "another"]})
    assert space.dimensions[0].choices == (value_of(value), "another")
    assert parsed(space.dimensions[0].override(value_of(value))) == value
    assert space.of_values({"key": value}, {}) == {"key": value_of(value)}


SAMPLERS: dict[str, Callable[[], optuna.samplers.BaseSampler]] = {
    "random": lambda: optuna.samplers.RandomSampler(seed=0),
    "tpe": lambda: optuna.samplers.TPESampler(seed=0, n_startup_trials=5),
}


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize(
    ("override", "kind"),
    [
        ("model.dropout=interval(0,1)", float),
        ("model.dropout=range(0,1,0.1)", float),
        ("optimizer.lr=tag(log,interval(0.09999,0.1))", float),
        ("trainer.batch_size=tag(log,interval(1,4))", int),
        ("trainer.batch_size=range(16,65,16)", int),
    ],
)
def test_a_suggested_value_is_one_of_the_range(override: str, kind: type, sampler: str) -> None:
    """Parsed back as it was, found again, never the end: high ones are the best, so that TPE goes there."""
    space = space_of(override)
    (found,) = space.dimensions
    end = parsed(override).end if "interval" in override else parsed(override).stop
    study = optuna.create_study(sampler=SAMPLERS[sampler](), direction="maximize")
    for _ in range(30):
        trial = study.ask()
        value = space.suggest(trial)[found.key]
        assert type(value) is kind
        assert found.find(value) == value == parsed(found.override(value))
        assert float(value) < end
        study.tell(trial, float(value))


def test_values_on_steps_are_as_typed() -> None:
    """Also where a sum of steps is a little more, as Optuna stores it."""
    found = dimension("model.dropout=range(0,1,0.1)")
    assert found.values() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]
    assert found.override(0.1 * 3) == "model.dropout=0.3"
    assert found.find(0.1 * 3) == 0.3
    assert found.find(0.35) is None


@pytest.mark.parametrize(
    ("override", "inside", "outside"),
    [
        ("model.dropout=interval(0,0.5)", [0, 0.25, 0.4999], [0.5, -0.1, True, "auto", None, [0.1]]),
        ("trainer.batch_size=interval(16,65)", [16, 64, 20.0], [65, 15, 20.5, "full"]),
        ("seed=1,2.5,true", [1, 1.0, 2.5, True], [False, "1", 2]),
        ("model.norm=null,batch", [None, "batch", "null"], ["layer", ""]),
        ("model.hidden_sizes=[64,32],[8]", [[64, 32], "[64,32]", [8]], [[32, 64], 8, "64,32"]),
    ],
)
def test_values_that_lie_inside(override: str, inside: list[Any], outside: list[Any]) -> None:
    found = dimension(override)
    assert [value for value in inside if found.find(value) is None] == []
    assert [value for value in outside if found.find(value) is not None] == []


def test_whole_ranges_have_the_values_of_hydra() -> None:
    draw = random.Random(0)
    for _ in range(200):
        start, stop, step = draw.randint(-9, 9), draw.randint(-9, 9), draw.choice([-3, -2, -1, 1, 2, 3])
        expected: list[Value] = sorted(range(start, stop, step))
        if expected:
            assert dimension(f"+model.of_mine=range({start},{stop},{step})").values() == expected


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("model.dropout=interval(0.5,0.1)", "model.dropout: expected the lower end first, got interval(0.5,0.1)"),
        (
            "model.dropout=interval(1,1)",
            "model.dropout: expected a higher end than the start, which it does not include, got interval(1,1)",
        ),
        ("seed=range(5,5)", "seed: expected a range with values in it, got range(5,5)"),
        ("seed=range(1,5,0)", "seed: expected another step than 0, got range(1,5,0)"),
        ("seed=interval(0,inf)", "seed: expected finite numbers, got interval(0,inf)"),
        ("seed=interval(0.5,3)", "seed: expected whole numbers, since the key takes no others, got interval(0.5,3)"),
        (
            "optimizer.lr=tag(log,interval(0,1))",
            "optimizer.lr: expected a start above 0 with log, got tag(log,interval(0,1))",
        ),
        (
            "optimizer.lr=tag(log,range(1,9,2))",
            "optimizer.lr: expected no step with log; interval() has none, got tag(log,range(1,9,2))",
        ),
        (
            "optimizer.lr=tag(lgo,interval(1,2))",
            "optimizer.lr: there is no tag 'lgo'. Did you mean 'log'? Expected one of log, int, float, "
            "got tag(lgo,interval(1,2))",
        ),
        (
            "seed=tag(log,choice(1,2))",
            "seed: expected 'log' with interval() or range(), not with choices, got tag(log,choice(1,2))",
        ),
        ("hydra.job.num=1,2", "hydra.job.num: cannot be searched; expected one value, got 1,2"),
        ("search=small,table", "search: cannot be searched; expected one value, got small,table"),
    ],
)
def test_a_range_without_sense_is_a_problem(override: str, problem: str) -> None:
    """The same from the command line and from `hydra.sweeper.params`."""
    key, _, text = override.partition("=")
    for space in (space_of(override), space_of(params={key: text})):
        assert space.problems == (problem,)
        assert space.dimensions == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("interval(a,b)", "interval() takes two numbers, as interval(0,0.5), got interval(a,b)"),
        ("interval(1)", "interval() takes two numbers, as interval(0,0.5), got interval(1)"),
        ("intervl(0,1)", "there is no function intervl(). Did you mean 'interval'?"),
        ("range(a,2)", "range() takes one to three numbers, as range(1,10,2), got range(a,2)"),
        ("choice()", "choice() takes one value or more, as choice(32,64), got choice()"),
        (
            "tag(log,3)",
            "tag() takes a word of log, int, float and a range, as tag(log,interval(1e-4,1e-1)), got tag(log,3)",
        ),
        ("interval(1,0", "expected as many ) as (, got interval(1,0"),
        ([], "expected one choice or more, got an empty list"),
    ],
)
def test_what_cannot_be_read(text: Any, problem: str) -> None:
    assert space_of(params={"seed": text}).problems == (f"seed: {problem}",)
