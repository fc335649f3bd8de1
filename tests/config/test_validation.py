"""A configuration is checked as a whole: every mistake has its exact line, and `conf/` and the schema agree."""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import pytest
from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from pydantic import BaseModel
from support.compositions import Compose, compose_run
from support.project import CONF, MODEL_KEYS, options, presets
from torch.optim import SGD, Adam

from mlp_exp.config.by_data import ALL_FACTS, for_data
from mlp_exp.config.dotted import dotted
from mlp_exp.config.schema import APPLIED, GROUPS, SUPPLIED, Callback, Experiment
from mlp_exp.config.validation import find_problems, require_valid
from mlp_exp.errors import ConfigError

MAX_ROWS = "a whole number, 10 or more, or null for all rows"
RATE = "a number from 0 up to, not including, 1"
RATES = "a rate from 0 up to, not including, 1, or a list with one for each hidden layer"
WIDTHS = "a list of whole numbers from 1, such as [64,32], or [] for a linear model"
BETAS = "two numbers from 0 up to 1, such as [0.9,0.999]"
EPOCHS = "a whole number, 1 or more, or auto"
BATCH = "a whole number, 1 or more, or full for all training rows at once, or auto by their number"
COUNT = "a whole number, 1 or more"
CLASS_WEIGHT = "balanced, null, or a weight above 0 for each class, such as {yes: 5, no: 1}"
LEVELS = "a list of numbers between 0 and 1, such as [0.05,0.5,0.95]"
EPS = "a number above 0 (Adafactor: two, such as [null,1e-3])"
NATURAL = "a whole number, 0 or more"
FRACTION = "a fraction from 0 to 1 (split=files: the path of a file of row numbers)"
TABLE = "data=table data.path=a.csv data.target=y"
TARGET = "the name of a column, or a list of names"
ORDER = "a list of three classes or more, such as [low,medium,high], or null (two need no order)"
FRACTIONS = "split: expected train + val + test to be 1, with train above 0, got"
GROUP_NAMES = ", ".join(sorted([*GROUPS, "callbacks", "plots", "seed"]))


def plain(config: DictConfig) -> Any:
    return OmegaConf.to_container(config, resolve=True)


def _arguments(cls: type, group: str = "optimizer") -> str:
    """What a node of a class takes; those of torch differ from version to version."""
    return ", ".join(sorted({*inspect.signature(cls).parameters, *APPLIED[group]} - SUPPLIED[group]))


MISTAKES = [
    # metrics
    ("metrics.intervals=-1", "metrics.intervals: expected a whole number, 0 or more, got -1"),
    ("metrics.extra=[3]", "metrics.extra: expected a list of names, and of nodes with a _target_, got [3]"),
    ("metrics.history=f1", "metrics.history: expected a list of names of metrics, such as [f1,roc_auc], got 'f1'"),
    (
        "metrics.extra=[{_target_:math.dist}]",
        "metrics.extra.0.larger_is_better: expected true or false, as in "
        "{_target_: my_package.profit, larger_is_better: true}",
    ),
    (
        "metrics.extra=[f1,{_target_:math.dits,larger_is_better:true}]",
        "metrics.extra.1._target_: cannot import 'math.dits': module 'math' has no attribute 'dits'. "
        "Did you mean 'dist'?",
    ),
    # values
    ("optimizer.lr=-1", "optimizer.lr: expected a number above 0, got -1"),
    ("optimizer.lr=0", "optimizer.lr: expected a number above 0, got 0"),
    ("optimizer.lr=fast", "optimizer.lr: expected a number above 0, got 'fast'"),
    ("optimizer.lr='1e-3'", "optimizer.lr: expected a number above 0, got '1e-3'"),
    ("optimizer.lr=nan", "optimizer.lr: expected a number above 0, got nan"),
    ("optimizer.lr=inf", "optimizer.lr: expected a number above 0, got inf"),
    ("optimizer.lr=[0.1]", "optimizer.lr: expected a number above 0, got [0.1]"),
    (
        "optimizer.lr=[0.1,0.2]",
        "optimizer.lr: expected a number above 0, got [0.1, 0.2]; for a sweep: -m optimizer.lr=0.1,0.2",
    ),
    ("optimizer.lr=null", "optimizer.lr: expected a number above 0, got null"),
    ("optimizer.lr=true", "optimizer.lr: expected a number above 0, got true"),
    ("optimizer.weight_decay=-0.1", "optimizer.weight_decay: expected a number, 0 or more, got -0.1"),
    ("optimizer.weight_decay=nan", "optimizer.weight_decay: expected a number, 0 or more, got nan"),
    ("optimizer.betas=[0.9]", f"optimizer.betas: expected {BETAS}, got [0.9]"),
    ("optimizer.betas=[0.9,1.0]", f"optimizer.betas: expected {BETAS}, got [0.9, 1.0]"),
    ("optimizer.betas=[0.9,0.99,0.999]", f"optimizer.betas: expected {BETAS}, got [0.9, 0.99, 0.999]"),
    ("optimizer.betas=0.9", f"optimizer.betas: expected {BETAS}, got 0.9"),
    ("optimizer.betas=[0.9,x]", f"optimizer.betas: expected {BETAS}, got [0.9, 'x']"),
    ("optimizer.rates.bias=-1", "optimizer.rates.bias: expected a number, 0 or more, got -1"),
    ("optimizer.decays.scale=x", "optimizer.decays.scale: expected a number, 0 or more, got 'x'"),
    ("optimizer.decays=2", "optimizer.decays: expected factors by kind of parameter, such as {bias: 0.1}, got 2"),
    (
        "+optimizer.rates.biases=1",
        "optimizer.rates.biases: there is no such key. Did you mean 'bias'?",
    ),
    (
        "+optimizer.decays.head=1",
        "optimizer.decays.head: there is no such key. Known: bias, embedding, scale, weight.",
    ),
    ("optimizer.ntk=1", "optimizer.ntk: expected true or false, got 1"),
    ("optimizer.decay_schedule=cosine", "optimizer.decay_schedule: expected constant or flat_cosine, got 'cosine'"),
    ("model.dropout_schedule=null", "model.dropout_schedule: expected constant or flat_cosine, got null"),
    (
        "scheduler=log_cosine scheduler.cycles=0",
        "scheduler.cycles: expected a whole number from 1 to 16, got 0",
    ),
    ("optimizer.amsgrad=maybe", "optimizer.amsgrad: expected true or false, got 'maybe'"),
    ("optimizer=sgd optimizer.momentum=1", f"optimizer.momentum: expected {RATE}, got 1"),
    ("model.dropout=1", f"model.dropout: expected {RATES}, got 1"),
    ("model.dropout=-0.1", f"model.dropout: expected {RATES}, got -0.1"),
    ("model.dropout=x", f"model.dropout: expected {RATES}, got 'x'"),
    ("model.dropout=[0.1,1]", f"model.dropout: expected {RATES}, got [0.1, 1]"),
    (
        "model.dropout=[0.1]",
        "model.dropout: expected one rate, or a list of 2, one for each of hidden_sizes, got [0.1]",
    ),
    (
        "model.dropout=[0.1,0.2,0.3]",
        "model.dropout: expected one rate, or a list of 2, one for each of hidden_sizes, got [0.1, 0.2, 0.3]",
    ),
    ("model.hidden_sizes=64", f"model.hidden_sizes: expected {WIDTHS}, got 64"),
    ("model.hidden_sizes=big", f"model.hidden_sizes: expected {WIDTHS}, got 'big'"),
    ("model.hidden_sizes=[64,big]", f"model.hidden_sizes: expected {WIDTHS}, got [64, 'big']"),
    ("model.hidden_sizes=[[64,32]]", f"model.hidden_sizes: expected {WIDTHS}, got [[64, 32]]"),
    ("model.hidden_sizes=[64,0]", f"model.hidden_sizes: expected {WIDTHS}, got [64, 0]"),
    ("model.hidden_sizes=[64.5]", f"model.hidden_sizes: expected {WIDTHS}, got [64.5]"),
    (
        "model.activation=rleu",
        "model.activation: expected one of relu, gelu, silu, tanh, leaky_relu, selu, elu, mish, sigmoid, softplus, "
        "got 'rleu'",
    ),
    ("model.norm=bacth", "model.norm: expected one of batch, layer, null, got 'bacth'"),
    ("model.residual=2", "model.residual: expected true or false, got 2"),
    (
        "model.residual=true",
        "model.residual: expected equal adjacent widths in hidden_sizes, such as [64,64], for a skip connection, "
        "got [64, 32]",
    ),
    *(
        (
            f"early_stopping=patience early_stopping.patience={value}",
            "early_stopping.patience: expected a whole number of epochs, 1 or more, or a fraction of all of them, "
            f"below 1, got {value}",
        )
        for value in ("0", "1.5", "-0.5", "1.0")
    ),
    (
        "early_stopping.monitor=test_f1",
        "early_stopping.monitor: expected train_loss, val_loss, val_metric, or val_ and the name of a metric, such as "
        "val_f1, got 'test_f1'",
    ),
    ("early_stopping.mode=best", "early_stopping.mode: expected one of auto, min, max, got 'best'"),
    ("split.train=0.5", f"{FRACTIONS} 0.5 + 0.1 + 0.2 = 0.8"),
    ("split.train=0 split.val=0.5 split.test=0.5", f"{FRACTIONS} 0 + 0.5 + 0.5 = 1"),
    ("split.val=-0.1", f"split.val: expected {FRACTION}, got -0.1"),
    ("split.val=1.1", f"split.val: expected {FRACTION}, got 1.1"),
    ("split.val=true", f"split.val: expected {FRACTION}, got true"),
    ("split.val=null", "split.val: expected a fraction from 0 to 1, got null"),
    ("split.train=rows.txt", "split.train: expected a fraction from 0 to 1, got 'rows.txt'"),
    ("split=folds split.val=null", "split.val: expected a fraction from 0 to 1, got null"),
    ("split=folds split.folds=1", "split.folds: expected a whole number, 2 or more, got 1"),
    ("split=folds split.fold=5", "split.fold: expected a whole number from 0 to 4, got 5"),
    ("split=folds split.folds=3 split.fold=3", "split.fold: expected a whole number from 0 to 2, got 3"),
    ("split=folds split.fold=-1", f"split.fold: expected {NATURAL}, got -1"),
    ("split=group", "split.column: missing; expected the name of a column. Give it: split.column=…"),
    ("split=time", "split.column: missing; expected the name of a column. Give it: split.column=…"),
    ("split=time split.column=[a]", "split.column: expected the name of a column, got ['a']"),
    ("split=group split.column=a split.train=0.5", f"{FRACTIONS} 0.5 + 0.1 + 0.2 = 0.8"),
    ("split=files split.train=a.txt", f"split.test: missing; expected {FRACTION}. Give it: split.test=…"),
    (
        "split=files split.train=0.7 split.test=a.txt",
        "split.train: expected the path of a file of row numbers, got 0.7",
    ),
    ("split=files split.train= split.test=a.txt", f"split.train: expected {FRACTION}, got ''"),
    ("data=table data.path=a.csv", f"data.target: missing; expected {TARGET}. Give it: data.target=…"),
    ("data=table data.target=y", "data.path: missing; expected the path of a file, or a list. Give it: data.path=…"),
    (
        f"{TABLE} data.path=3",
        "data.path: expected the path of a file, or a list, got 3; as text: 'data.path=\"3\"'",
    ),
    (f"{TABLE} data.target=[]", f"data.target: expected {TARGET}, got []"),
    (f"{TABLE} data.target=[y,[z]]", f"data.target: expected {TARGET}, got ['y', ['z']]"),
    (
        f"{TABLE} data.target=null",
        f"data.target: expected {TARGET}, got null; as text: 'data.target=\"null\"'",
    ),
    (
        f"{TABLE} data.task=classes",
        "data.task: expected one of auto, classification, binary, multiclass, ordinal, multilabel, regression, got "
        "'classes'",
    ),
    (f"{TABLE} data.order=low", f"data.order: expected {ORDER}, got 'low'"),
    (f"{TABLE} data.order=[low,high]", f"data.order: expected {ORDER}, got ['low', 'high']"),
    (f"{TABLE} data.weight=[w]", "data.weight: expected the name of a column, or null, got ['w']"),
    (f"{TABLE} data.drop=id", "data.drop: expected a list of column names, such as [age,income], got 'id'"),
    (f"{TABLE} data.missing=x", "data.missing: expected a list of texts, such as [unknown,-9], got 'x'"),
    (
        f"{TABLE} data.separator=';;'",
        "data.separator: expected one character, such as ';', or null to detect it, got ';;'",
    ),
    (f"{TABLE} data.decimal=';'", "data.decimal: expected '.', ',', or null to find it, got ';'"),
    ("preprocess.scaling=minmax", "preprocess.scaling: expected one of none, standard, robust, quantile, got 'minmax'"),
    ("preprocess.one_hot_max=-1", f"preprocess.one_hot_max: expected {NATURAL}, got -1"),
    ("preprocess.embedding_width=0", f"preprocess.embedding_width: expected {COUNT}, got 0"),
    ("preprocess.log_target=1", "preprocess.log_target: expected true or false, got 1"),
    ("early_stopping.latest=1", "early_stopping.latest: expected true or false, got 1"),
    ("preprocess.ranks=1", "preprocess.ranks: expected true or false, got 1"),
    ("trainer.steps=0", f"trainer.steps: expected {COUNT}, got 0"),
    ("trainer.auto_epochs=0", f"trainer.auto_epochs: expected {COUNT}, got 0"),
    ("trainer.batches=0", f"trainer.batches: expected {COUNT}, got 0"),
    ("trainer.steps=1.5", f"trainer.steps: expected {COUNT}, got 1.5"),
    ("split.seed=x", "split.seed: expected a whole number, 0 or more, or null for the run's seed, got 'x'"),
    ("trainer.epochs=1.5", f"trainer.epochs: expected {EPOCHS}, got 1.5"),
    ("trainer.epochs=0", f"trainer.epochs: expected {EPOCHS}, got 0"),
    ("trainer.epochs='5'", f"trainer.epochs: expected {EPOCHS}, got '5'"),
    ("trainer.batch_size=0", f"trainer.batch_size: expected {BATCH}, got 0"),
    ("trainer.batch_size=ful", f"trainer.batch_size: expected {BATCH}, got 'ful'"),
    ("trainer.device=gpu", "trainer.device: expected one of auto, cpu, cuda, mps, got 'gpu'"),
    ("trainer.threads=0", f"trainer.threads: expected {COUNT}, got 0"),
    ("trainer.clip_grad_norm=0", "trainer.clip_grad_norm: expected a number above 0, or null for none, got 0"),
    ("trainer.clip_grad_norm=inf", "trainer.clip_grad_norm: expected a number above 0, or null for none, got inf"),
    ("trainer.plots=yes", "trainer.plots: expected one of auto, always, never, got 'yes'"),
    ("plots.format=pdf", "plots.format: expected png or svg, got 'pdf'"),
    ("plots=svg", "plots: expected a mapping, as {format: svg}, got 'svg'"),
    ("seed=-1", f"seed: expected {NATURAL}, got -1"),
    ("seed=abc", f"seed: expected {NATURAL}, got 'abc'"),
    ("seed=1.0", f"seed: expected {NATURAL}, got 1.0"),
    ("data.n_samples=5", "data.n_samples: expected a whole number, 10 or more, got 5"),
    ("data.max_rows=9", f"data.max_rows: expected {MAX_ROWS}, got 9"),
    ("data=digits data.max_rows=1.5", f"data.max_rows: expected {MAX_ROWS}, got 1.5"),
    (f"{TABLE} data.max_rows=all", f"data.max_rows: expected {MAX_ROWS}, got 'all'"),
    ("+data.max_row=100", "data.max_row: circle takes no 'max_row'. Did you mean 'max_rows'?"),
    ("data=spirals data.n_classes=1", "data.n_classes: expected a whole number, 2 or more, got 1"),
    ("loss.label_smoothing=1", f"loss.label_smoothing: expected {RATE}, got 1"),
    ("loss.class_weight=balance", f"loss.class_weight: expected {CLASS_WEIGHT}, got 'balance'"),
    ("loss.class_weight={yes:0,no:1}", f"loss.class_weight: expected {CLASS_WEIGHT}, got {{'yes': 0, 'no': 1}}"),
    ("loss.class_weight={yes:inf}", f"loss.class_weight: expected {CLASS_WEIGHT}, got {{'yes': inf}}"),
    ("loss.class_weight={yes:many}", f"loss.class_weight: expected {CLASS_WEIGHT}, got {{'yes': 'many'}}"),
    ("loss.class_weight={}", f"loss.class_weight: expected {CLASS_WEIGHT}, got {{}}"),
    ("loss=quantile loss.quantiles=[0.5,1]", f"loss.quantiles: expected {LEVELS}, got [0.5, 1]"),
    ("loss=quantile loss.quantiles=[0]", f"loss.quantiles: expected {LEVELS}, got [0]"),
    ("loss=quantile loss.quantiles=[]", f"loss.quantiles: expected {LEVELS}, got []"),
    ("loss=quantile loss.quantiles=0.5", f"loss.quantiles: expected {LEVELS}, got 0.5"),
    ("loss=gaussian loss.score=mae", "loss.score: expected nll or crps, got 'mae'"),
    ("loss=focal loss.gamma=-1", "loss.gamma: expected a number, 0 or more, got -1"),
    ("loss=huber loss.delta=0", "loss.delta: expected a number above 0, got 0"),
    ("scheduler=cosine scheduler.T_max=0", f"scheduler.T_max: expected {EPOCHS}, got 0"),
    ("scheduler.factor=0", "scheduler.factor: expected a number above 0, at most 1, got 0"),
    (
        "scheduler=one_cycle scheduler.cycle_momentum=true",
        "scheduler.cycle_momentum: expected false: momentum is the optimizer's, got true",
    ),
    ("scheduler.interval=batch", "scheduler.interval: expected epoch or step, got 'batch'"),
    ("model.stack=1", "model.stack: expected true or false, got 1"),
    ("optimizer.eps=0", f"optimizer.eps: expected {EPS}, got 0"),
    ("optimizer.eps=[1]", f"optimizer.eps: expected {EPS}, got [1]"),
    ("init=kaiming_normal init.weight.mode=fan", "init.weight.mode: expected fan_in or fan_out, got 'fan'"),
    ("init=kaiming_normal init.weight=3", "init.weight: expected a group of settings, got 3"),
    # interpolations and missing values
    ("optimizer.lr=${nope}", "optimizer.lr: Interpolation key 'nope' not found"),
    ("seed=???", f"seed: missing; expected {NATURAL}. Give it: seed=…"),
    ("model=linear +model.mine=???", "model.mine: missing; expected a value. Give it: model.mine=…"),
    ("optimizer.lr=${nope} data=table", "optimizer.lr: Interpolation key 'nope' not found"),
    # keys
    (
        "+model.widht=3",
        f"model.widht: MLP takes no 'widht'. Known: {MODEL_KEYS}.",
    ),
    (
        "+model.hiden_sizes=[3]",
        "model.hiden_sizes: MLP takes no 'hiden_sizes'. Did you mean 'hidden_sizes'?",
    ),
    ("+trainer.epcohs=3", "trainer.epcohs: Trainer takes no 'epcohs'. Did you mean 'epochs'?"),
    ("+split.tets=3", "split.tets: RandomSplit takes no 'tets'. Did you mean 'test'?"),
    ("+optimizer.momentum=0.9", f"optimizer.momentum: Adam takes no 'momentum'. Known: {_arguments(Adam)}."),
    (
        "init=kaiming_normal +init.weight.gian=1",  # the weight itself is the framework's to give
        "init.weight.gian: kaiming_normal_ takes no 'gian'. Known: a, generator, mode, nonlinearity.",
    ),
    ("+modle=3", "modle: there is no such key. Did you mean 'model'?"),
    ("+optimiser.lr=0.1", "optimiser: there is no such key. Did you mean 'optimizer'?"),
    ("+lr=0.1", f"lr: there is no such key. Known: {GROUP_NAMES}."),
    ("~data", "data._target_: missing; expected an import path, such as package.Class"),
    ("~model", "model: missing; expected a group of settings"),
    ("~seed", f"seed: missing; expected {NATURAL}"),
    # targets and their arguments
    (
        "model._target_=mlp_exp.model.mlp.MPL",
        "model._target_: cannot import 'mlp_exp.model.mlp.MPL': module 'mlp_exp.model.mlp' has no attribute 'MPL'. "
        "Did you mean 'MLP'?",
    ),
    (
        "model._target_=nowhere.Net",
        "model._target_: cannot import 'nowhere.Net': No module named 'nowhere'. Go to the folder that holds nowhere, "
        "or name it: PYTHONPATH=FOLDER",
    ),
    ("model._target_=MLP", "model._target_: expected an import path, such as package.Class, got 'MLP'"),
    (
        "model._target_=mlp_exp.model.mlp.NORMS",
        "model._target_: 'mlp_exp.model.mlp.NORMS' is a dict; expected a class or a function",
    ),
    ("~model._target_", "model._target_: missing; expected an import path, such as package.Class"),
    (
        "optimizer._target_=torch.optim.Adamm",
        "optimizer._target_: cannot import 'torch.optim.Adamm': module 'torch.optim' has no attribute 'Adamm'. "
        "Did you mean 'Adam'?",
    ),
    ("~trainer.epochs", "trainer.epochs: Trainer needs 'epochs'. Add it: +trainer.epochs=…"),
    ("~split.test", "split.test: RandomSplit needs 'test'. Add it: +split.test=…"),
    (
        "scheduler._target_=torch.optim.lr_scheduler.StepLR",
        "scheduler.step_size: StepLR needs 'step_size'. Add it: +scheduler.step_size=…",
    ),
]


def test_a_mistake_has_its_line(compose: Compose) -> None:
    for overrides, line in MISTAKES:
        words = overrides.split()
        assert find_problems(compose(words), words) == [line], overrides


def test_an_optimizer_without_a_learning_rate_is_a_mistake(compose: Compose) -> None:
    """The training loop needs it, whether or not the class has a value of its own."""
    (line,) = find_problems(compose(["~optimizer.lr"]), ["~optimizer.lr"])
    assert line.startswith("optimizer.lr: ")


def test_several_mistakes_are_reported_together(compose: Compose) -> None:
    overrides = ["optimizer.lr=-1", "model.dropout=1", "trainer.epochs=0", "+modle=1", "+model.widht=3", "seed=-1"]
    lines = [
        f"seed: expected {NATURAL}, got -1",
        f"model.dropout: expected {RATES}, got 1",
        "optimizer.lr: expected a number above 0, got -1",
        f"trainer.epochs: expected {EPOCHS}, got 0",
        "modle: there is no such key. Did you mean 'model'?",
        f"model.widht: MLP takes no 'widht'. Known: {MODEL_KEYS}.",
    ]
    with pytest.raises(ConfigError) as caught:
        require_valid(plain(compose(overrides)), overrides)
    assert caught.value.problems == lines
    assert str(caught.value) == "\n  ".join(["The configuration has 6 mistakes:", *lines])


def test_all_missing_values_are_reported_together(compose: Compose) -> None:
    words = ["data=table", "split=time", "seed=-1"]
    assert find_problems(compose(words), words) == [
        "data.path: missing; expected the path of a file, or a list. Give it: data.path=…",
        f"data.target: missing; expected {TARGET}. Give it: data.target=…",
        "split.column: missing; expected the name of a column. Give it: split.column=…",
        f"seed: expected {NATURAL}, got -1",
    ]


def test_one_mistake_is_counted_in_the_singular(compose: Compose) -> None:
    with pytest.raises(ConfigError) as caught:
        require_valid(plain(compose(["seed=-1"])))
    assert str(caught.value) == f"The configuration has 1 mistake:\n  seed: expected {NATURAL}, got -1"


@pytest.mark.parametrize(
    "overrides",
    [
        "optimizer.lr=1",
        "model.dropout=0",
        "model.dropout=[0,0.5]",
        "model.hidden_sizes=[] model.dropout=0",
        "model.hidden_sizes=[64,64] model.residual=true",
        "model.norm=null",
        "trainer.batch_size=full",
        "trainer.batch_size=auto",
        "trainer.batch_size=1",
        "split.train=1 split.val=0 split.test=0",
        "split.seed=null",
        "split=folds split.folds=2 split.fold=1 split.val=0",
        "split=files split.train=a.txt split.val=null split.test=b.npy",
        f"{TABLE} data.target=3 data.drop=[1,x] data.missing=[-9,nan,none] data.separator=';'",
        f"{TABLE} data.target=[a,b] data.weight=w",
        f"{TABLE} data.target=[a,3] data.task=multilabel data.weight=3",
        f"{TABLE} data.task=ordinal data.order=[low,2,3.5]",
        "preprocess.one_hot_max=0 preprocess.log_target=true trainer.steps=1",
        "optimizer.lr=${trainer.epochs}",
        "optimizer._target_=torch.optim.LBFGS",
        "+optimizer.maximize=false",
    ],
)
def test_values_on_the_edge_are_right(compose: Compose, overrides: str) -> None:
    words = overrides.split()
    assert find_problems(compose(words), words) == []


# ---- conf/ and the schema


def _fields(model: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _nested(annotation: Any) -> type[BaseModel] | None:
    types = (annotation, *get_args(annotation))
    return next((t for t in types if isinstance(t, type) and issubclass(t, BaseModel)), None)


def _keys(node: Mapping[str, Any], model: type[BaseModel] | None, where: str) -> Iterator[tuple[str, bool]]:
    """The path of every key below `node`, and whether the schema names it."""
    fields = _fields(model) if model else {}
    for key, value in node.items():
        yield f"{where}{key}", key in fields
        if isinstance(value, dict):
            yield from _keys(value, _nested(fields.get(key)), f"{where}{key}.")


def _load(path: Path) -> dict[str, Any]:
    """What a file of `conf/` sets, without what it chooses in other groups."""
    content = OmegaConf.to_container(OmegaConf.load(path), resolve=False)
    assert isinstance(content, dict)
    return {str(key): value for key, value in content.items() if key not in ("defaults", "hydra")}


def test_the_walk_of_conf_finds_every_group() -> None:
    assert {group for group, _ in options()} == {*GROUPS, "callbacks"}
    assert len(options()) >= 40
    assert len(presets()) >= 6


def _composed(group: str, option: str) -> dict[str, Any]:
    """An option with all that it inherits."""
    if "/experiment" in (CONF / group / f"{option}.yaml").read_text(encoding="utf-8"):  # it chooses in other groups too
        whole = compose_run([f"{group}={option}"])
    else:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            whole = hydra_compose(f"{group}/{option}")
    node = OmegaConf.to_container(whole[group], resolve=False)
    assert isinstance(node, dict)
    return {str(key): value for key, value in node.items()}


@pytest.mark.slow
def test_every_key_of_every_option_is_in_the_schema() -> None:
    found = []
    for group, option in options():
        composed = _composed(group, option)
        if group == "callbacks":  # each option is one of several, by its name
            for name, node in composed.items():
                found += list(_keys(node, Callback, f"{group}/{option}: {name}."))
            continue
        found += list(_keys(composed, GROUPS[group], f"{group}/{option}: "))
    assert len(found) >= 190
    assert [path for path, known in found if not known] == []


def test_every_key_of_run_yaml_and_of_every_preset_is_in_the_schema() -> None:
    found = []
    for path in (CONF / "run.yaml", *(CONF / "experiment" / f"{name}.yaml" for name in presets())):
        for facts in ALL_FACTS:
            found += list(_keys(for_data(_load(path), facts), Experiment, f"{path.stem}: "))
    assert len(found) >= 10
    assert [path for path, known in found if not known] == []


KEY_WITH_VALUE = re.compile(r"^ *(- )?(override /)?(?!_target_)\w+: *[^ #]")


def test_every_option_says_what_it_is_and_every_key_what_it_does() -> None:
    lines = bare = 0
    inherits = {(group, option) for group, option in options() if _inherited(CONF / group / f"{option}.yaml")}
    missing = []
    for group, option in options():
        text = (CONF / group / f"{option}.yaml").read_text(encoding="utf-8").splitlines()
        if not re.match(r"# \S", text[0]):
            missing.append(f"{group}/{option}: no first line that says what it is")
        for number, line in enumerate(text, 1):
            bare += (line.lstrip() if group == "callbacks" else line).startswith("_target_: ") and (
                group,
                option,
            ) not in inherits
            if KEY_WITH_VALUE.match(line):
                lines += 1
                if not re.search(r" # \S", line):
                    missing.append(f"{group}/{option}.yaml:{number}: {line}")
    assert lines >= 100
    assert bare == len(options()) - len(inherits) - 1  # callbacks=none
    assert len(inherits) >= 20
    assert missing == []


def _inherited(path: Path) -> list[str]:
    """The options of its own group that a file builds on."""
    defaults = (OmegaConf.to_container(OmegaConf.load(path)) or {}).get("defaults", [])  # type: ignore[union-attr]
    return [entry for entry in defaults if isinstance(entry, str) and entry != "_self_" and "/" not in entry]


@pytest.mark.slow
def test_an_option_that_inherits_repeats_nothing(compose: Compose) -> None:
    repeated = []
    for group, option in options():
        for base in _inherited(CONF / group / f"{option}.yaml"):
            inherited = dict(dotted(_composed(group, base)))
            own = dict(dotted(_load(CONF / group / f"{option}.yaml")))
            repeated += [f"{group}/{option}: {key}" for key in own if (key, own[key]) in inherited.items()]
    assert repeated == []


FIRST_COLUMN = 32


def test_the_comments_of_a_file_stand_in_one_column() -> None:
    """The same in all files, but for those with a value that is too long for it."""
    count = 0
    for path in sorted(CONF.rglob("*.yaml")):
        lines = re.findall(r"^(?! *#)(.*?\S)( +)# ", path.read_text(encoding="utf-8"), re.MULTILINE)
        columns = {len(code + gap) for code, gap in lines}
        count += len(lines)
        assert len(columns) <= 1, path
        longest = max((len(code) for code, _ in lines), default=0)
        assert columns <= {FIRST_COLUMN} or (longest > FIRST_COLUMN - 2 and max(columns) <= longest + 5), path
    assert count >= 100


@pytest.mark.parametrize("name", presets())
def test_every_preset_says_why(name: str) -> None:
    package, reason, *rest = (CONF / "experiment" / f"{name}.yaml").read_text(encoding="utf-8").splitlines()
    assert package == "# @package _global_"
    assert re.match(r"# \S", reason)
    values = [line for line in rest if re.match(r"^ +\w+: ", line)]
    assert [line for line in values if " # " not in line] == []


@pytest.mark.parametrize("name", presets())
def test_every_preset_composes_without_a_problem(compose: Compose, name: str) -> None:
    cfg = compose([f"experiment={name}"])
    assert find_problems(cfg, []) == []
    for group, values in _load(CONF / "experiment" / f"{name}.yaml").items():
        assert {key: cfg[group][key] for key in values} == values


def test_the_default_preset_changes_nothing(compose: Compose) -> None:
    assert compose(["experiment=default"]) == compose(["~experiment"]) == compose()


def test_presets_apply_one_after_another(compose: Compose) -> None:
    cfg, digits = compose(["experiment=[digits,debug]"]), compose(["experiment=digits"])
    assert (cfg.trainer.epochs, cfg.data.max_rows) == (2, 100)
    assert (cfg.data.name, cfg.model, cfg.scheduler) == ("digits", digits.model, {**digits.scheduler, "T_max": 2})


def test_a_table_brings_its_preset_and_what_is_said_is_said(compose: Compose) -> None:
    words = TABLE.split()
    cfg, preset = compose(words), compose(["experiment=table"])
    assert {key: value for key, value in cfg.items() if key != "data"} == {
        key: value for key, value in preset.items() if key != "data"
    }
    assert compose([*words, "experiment=table"]) == cfg
    other = compose([*words, "preprocess=robust", "optimizer=sgd", "trainer.steps=7"])
    assert (other.preprocess.scaling, other.trainer.steps) == ("robust", 7)
    assert other.optimizer._target_ == "torch.optim.SGD"


# ---- another `_target_` in the place of an option's own

USERS_NET = """
from torch import nn


class UsersNet(nn.Linear):
    def __init__(self, in_features, out_features, width=3, dropout=0.0):
        super().__init__(in_features, out_features)


class Needy(nn.Linear):
    def __init__(self, in_features, out_features, width):
        super().__init__(in_features, out_features)


class Plain(nn.Linear):
    def __init__(self, in_features, out_features):
        super().__init__(in_features, out_features)
"""


@pytest.fixture
def users_net(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "users_net_of_validation.py").write_text(USERS_NET, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "users_net_of_validation"


@pytest.mark.parametrize(
    ("overrides", "lines"),
    [
        (["model._target_={}.Plain"], []),
        (["model._target_={}.UsersNet", "+model.width=5"], []),
        (["model._target_={}.UsersNet", "model.dropout=0.3"], []),
        (
            ["model._target_={}.UsersNet", "model.norm=batch"],
            ["model.norm: UsersNet takes no 'norm'. Known: dropout, dropout_schedule, stack, width."],
        ),
        (
            ["model._target_={}.Plain", "model.dropout=0.3"],
            ["model.dropout: Plain takes no 'dropout'. Known: dropout_schedule, stack."],
        ),
        (
            ["model._target_={}.Plain", "++model.hidden_sizes=[3]"],
            ["model.hidden_sizes: Plain takes no 'hidden_sizes'. Known: dropout_schedule, stack."],
        ),
        (
            ["model._target_={}.UsersNet", "+model.widht=5"],
            ["model.widht: UsersNet takes no 'widht'. Did you mean 'width'?"],
        ),
        (["model._target_={}.Needy"], ["model.width: Needy needs 'width'. Add it: +model.width=…"]),
        (["model._target_={}.Needy", "+model.width=2"], []),
        (
            ["model._target_={}.UserNet"],
            [
                "model._target_: cannot import '{0}.UserNet': module '{0}' has no attribute 'UserNet'. "
                "Did you mean 'UsersNet'?"
            ],
        ),
    ],
)
def test_keys_left_over_by_a_users_class(
    compose: Compose, users_net: str, overrides: list[str], lines: list[str]
) -> None:
    words = [word.format(users_net) for word in overrides]
    assert find_problems(compose(words), words) == [line.format(users_net) for line in lines]


def test_left_over_keys_of_other_groups(compose: Compose) -> None:
    swap = "optimizer._target_=torch.optim.SGD"
    assert find_problems(compose([swap]), [swap]) == []  # betas, eps and amsgrad are adam's
    words = [swap, "optimizer.betas=[0.8,0.9]"]
    assert find_problems(compose(words), words) == [f"optimizer.betas: SGD takes no 'betas'. Known: {_arguments(SGD)}."]


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("optimizer.lr=-1", "optimizer.lr: expected a number above 0, got -1"),
        ("early_stopping.monitor=loss", "early_stopping.monitor: expected train_loss, val_loss, val_metric, or val_"),
        ("trainer.epochs=0", "trainer.epochs: expected a whole number, 1 or more, or auto, got 0"),
        ("split.train=0.9", "split: expected train + val + test to be 1"),
        ("+typo=1", "typo: there is no such key."),
        ("+model.hidden_size=[1]", "model.hidden_size: MLP takes no 'hidden_size'. Did you mean 'hidden_sizes'?"),
    ],
)
def test_a_mistake_is_named(compose: Compose, override: str, line: str) -> None:
    (problem,) = find_problems(compose([override]), [override])
    assert problem.startswith(line)
