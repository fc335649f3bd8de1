"""Which runs train as one stack, how many at most, and what they share."""

import functools
import gc
import math
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import hydra
import pytest
import torch
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig
from support.commands import Command
from support.members import CPU, histories, make_member, same_weights, timeless
from support.project import CONF
from support.specs import build
from support.tables import write_table
from torch import Tensor, nn

from mlp_exp.cli.composing import QuickLoader
from mlp_exp.config.validation import find_problems
from mlp_exp.engine.batches import evaluation_rows, evaluation_shape, step_shape
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.run import Run
from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors import stacks
from mlp_exp.multirun.executors.local import Local
from mlp_exp.multirun.executors.stacks import (
    FEWEST_IN_PARALLEL,
    Kind,
    in_words,
    kinds,
    member_bytes,
    network_size,
    stack_size,
    step_bytes,
)
from mlp_exp.processes.forks import cores
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.tasks.losses import BinaryCrossEntropy

pytestmark = pytest.mark.usefixtures("one_thread")


@functools.cache
def sweep() -> tuple[QuickLoader, DictConfig]:
    """What composes jobs, and the configuration of their sweep."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(CONF), version_base="1.3"):
        loader = GlobalHydra.instance().config_loader()
        return QuickLoader(loader), loader.load_configuration("run", ["trainer.device=cpu"], RunMode.MULTIRUN)


@functools.cache
def make(*overrides: str, session: Session | None = None) -> Plan:
    """The plan of a run; the same object for the same overrides."""
    loader, config = sweep()
    cfg, _ = loader.compose_job(config, ["trainer.device=cpu", *overrides])
    assert find_problems(cfg, overrides) == []
    return plan(build(cfg, session))


@pytest.fixture(scope="session")
def table(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Overrides for a table with a column of twenty values, which are embedded."""
    path = write_table(tmp_path_factory.mktemp("table"))
    return [
        "data=table",
        "experiment=table_quick",
        f"data.path={path}",
        "data.target=answer",
        "data.drop=[patient]",
        "preprocess.one_hot_max=9",
    ]


# ---- who trains with whom

IRIS, DIABETES, HUBER = ["data=iris"], ["data=diabetes"], ["data=diabetes", "loss=huber"]
LBFGS = ["optimizer=sgd", "optimizer._target_=torch.optim.Rprop"]
LBFGS += ["~optimizer.momentum", "~optimizer.dampening", "~optimizer.nesterov", "~optimizer.weight_decay"]
OWN_NETWORK = ["model=linear", f"model._target_={__name__}.WithParts"]
OWN_STACK = [*OWN_NETWORK, "model.stack=true"]
OWN_LOSS = [f"loss._target_={__name__}.OwnLoss"]


class OwnLoss(BinaryCrossEntropy):
    """A user's own loss, of whose settings nothing is known."""


class WithParts(nn.Module):
    """A user's own network, with objects of the configuration."""

    def __init__(
        self, in_features: int, out_features: int, part: Any = None, parts: Any = None, sizes: Any = None
    ) -> None:
        super().__init__()
        self.part, self.parts, self.sizes = part, parts, sizes
        if sizes is not None:
            sizes.append(out_features)
        self.linear = nn.Linear(in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.linear(x)
        return logits


TOGETHER: list[tuple[list[str], list[str]]] = [
    ([], []),
    ([], ["seed=1"]),
    ([], ["optimizer.lr=1"]),
    ([], ["optimizer.weight_decay=0.1"]),
    (["model.dropout=0"], ["model.dropout=0.3"]),
    (["model.dropout=0.1"], ["model.dropout=[0.1,0.5]"]),
    ([], ["init=orthogonal"]),
    ([], ["scheduler=cosine"]),
    (["scheduler=reduce_on_plateau"], ["scheduler=one_cycle"]),
    ([], ["early_stopping=patience"]),
    ([], ["early_stopping.monitor=train_loss", "early_stopping.latest=true"]),
    ([], ["trainer.clip_grad_norm=1"]),
    ([], ["trainer.average=0.9"]),
    ([], ["trainer.epochs=3"]),
    ([], ["trainer.epochs=auto"]),
    ([], ["trainer.plots=always", "trainer.log_every=1"]),
    ([], ["loss.label_smoothing=0.1"]),
    ([], ["loss.class_weight=balanced"]),
    (["loss.class_weight={inside:2}"], ["loss.class_weight={outside:3}"]),
    (["loss=focal"], ["loss=focal", "loss.class_weight={outside:3}"]),
    ([], ["split.seed=7"]),
    ([], ["split.seed=null"]),
    (["split=folds"], ["split=folds", "split.fold=4"]),
    ([], ["data.seed=1"]),
    ([], ["data=moons"]),
    ([], ["data.n_samples=999"]),
    ([], ["preprocess=quantile"]),
    ([], ["trainer.batch_size=auto"]),
    (["trainer.batch_size=full"], ["trainer.batch_size=700"]),
    (["trainer.batch_size=full"], ["trainer.batch_size=10000"]),
    (["trainer.batch_size=full", "data.n_samples=90"], ["trainer.batch_size=full", "data.n_samples=91"]),
    (HUBER, [*HUBER, "seed=1"]),
    (OWN_LOSS, [*OWN_LOSS, "seed=1"]),
    (OWN_STACK, [*OWN_STACK, "seed=1", "optimizer.lr=1", "split.seed=7", "trainer.epochs=3"]),
    ([], ["model.stack=true"]),
    ([], ["scheduler.interval=step"]),
    ([], ["scheduler=log_cosine", "optimizer.decay_schedule=flat_cosine", "model.dropout_schedule=flat_cosine"]),
    (["optimizer.rates.bias=0.1"], ["optimizer.decays.bias=0"]),
    (["optimizer.ntk=true"], ["optimizer.rates={bias: 0.1, weight: 0.5}"]),
    (DIABETES, [*DIABETES, "preprocess.log_target=true"]),
]
APART: list[tuple[list[str], list[str], list[str]]] = [
    ([], ["model.hidden_sizes=[64,33]"], ["model.hidden_sizes"]),
    ([], ["model.hidden_sizes=[]"], ["model.hidden_sizes"]),
    ([], ["model.activation=tanh"], ["model.activation"]),
    ([], ["model.norm=batch"], ["model.norm"]),
    (["model.hidden_sizes=[9,9]"], ["model.hidden_sizes=[9,9]", "model.residual=true"], ["model.residual"]),
    (["model.norm=layer"], ["model.norm=batch", "model.activation=elu"], ["model.activation", "model.norm"]),
    ([], ["trainer.batch_size=33"], ["trainer.batch_size"]),
    ([], ["trainer.batch_size=64"], ["trainer.batch_size", "the number of rows"]),
    (["trainer.batch_size=690"], ["trainer.batch_size=699"], ["trainer.batch_size"]),
    ([], ["optimizer=adamw"], ["optimizer"]),
    ([], ["optimizer=sgd", "optimizer.lr=1e-3"], ["optimizer"]),
    ([], ["optimizer.betas=[0.9,0.99]"], ["optimizer.betas"]),
    (["optimizer=sgd"], ["optimizer=sgd", "optimizer.momentum=0"], ["optimizer.momentum"]),
    ([], ["optimizer.eps=1e-7", "optimizer.amsgrad=true"], ["optimizer.eps", "optimizer.amsgrad"]),
    ([], ["optimizer.decays.bias=0"], ["optimizer.rates, decays or ntk (some or none)"]),
    ([], ["optimizer.ntk=true"], ["optimizer.rates, decays or ntk (some or none)"]),
    (OWN_STACK, [*OWN_STACK, "+model.dropout_schedule=flat_cosine"], ["model.dropout_schedule"]),
    (HUBER, DIABETES, ["loss"]),
    (HUBER, [*HUBER, "loss.delta=2"], ["loss.delta"]),
    (["loss=focal"], ["loss=focal", "loss.gamma=1"], ["loss.gamma"]),
    (
        [*DIABETES, "loss=quantile"],
        [*DIABETES, "loss=quantile", "loss.quantiles=[0.1,0.5,0.9]"],
        ["loss.quantiles"],
    ),
    ([], ["loss=cross_entropy"], ["loss", "the number of classes"]),
    (OWN_LOSS, [*OWN_LOSS, "loss.label_smoothing=0.1"], ["loss.label_smoothing"]),
    (IRIS, ["data=wine"], ["the number of inputs"]),
    ([], ["preprocess.ranks=true"], ["the number of inputs"]),
    (["data=spirals"], ["data=spirals", "data.n_classes=4"], ["the number of classes"]),
    ([], ["data.n_samples=900"], ["the number of rows"]),
    ([], ["split.train=0.6", "split.val=0.2"], ["the number of rows"]),
    ([], ["split.train=0.8", "split.val=0"], ["the number of rows"]),
    ([], ["trainer.threads=2"], ["trainer.threads"]),
    (OWN_STACK, [*OWN_STACK, "+model.part=1"], ["model.part"]),
    (OWN_STACK, [*OWN_STACK, "trainer.batch_size=33"], ["trainer.batch_size"]),
    (
        [*OWN_STACK, "trainer.batch_size=full", "data.n_samples=100"],
        [*OWN_STACK, "trainer.batch_size=full", "data.n_samples=101"],
        ["model.stack (the number of training rows)"],
    ),
    ([], OWN_STACK, ["model"]),
]


@pytest.mark.parametrize(("one", "other"), TOGETHER, ids=lambda overrides: " ".join(overrides) or "-")
def test_runs_that_train_together(one: list[str], other: list[str]) -> None:
    found, differing = kinds([make(*one), make(*other)], Local(9))
    assert [(kind.members, kind.size) for kind in found] == [([0, 1], 9)]
    assert differing == []
    assert in_words(found, differing) == "2 runs in 1 stack"


@pytest.mark.parametrize(("one", "other", "names"), APART, ids=lambda words: " ".join(words) or "-")
def test_runs_that_do_not(one: list[str], other: list[str], names: list[str]) -> None:
    found, differing = kinds([make(*one), make(*other), make(*one)], Local())
    assert [kind.members for kind in found] == [[0, 2], [1]]
    assert differing == names
    verb = "differs" if len(names) == 1 else "differ"
    assert in_words(found, differing) == f"3 runs in 2 stacks: {', '.join(names)} {verb}"


@pytest.mark.parametrize(
    ("more", "names"),
    [
        (["data.missing=[none]"], []),
        (["preprocess.one_hot_max=20"], ["the number of inputs", "preprocess.embedding_width"]),
        (["data.drop=[patient,city]"], ["the number of inputs", "preprocess.embedding_width"]),
        (["preprocess.embedding_width=4"], ["preprocess.embedding_width"]),
    ],
    ids=lambda words: " ".join(words) or "-",
)
def test_runs_with_embeddings(table: list[str], more: list[str], names: list[str]) -> None:
    found, differing = kinds([make(*table), make(*table, *more)], Local())
    assert [kind.members for kind in found] == ([[0], [1]] if names else [[0, 1]])
    assert set(names) <= set(differing)
    assert bool(names) == bool(differing)


def test_a_sweep_over_the_width_of_embeddings(command: Command, table: list[str]) -> None:
    """Without a stack that breaks, which would say so."""
    quiet = ("trainer.epochs=2", "trainer.device=cpu", "trainer.plots=never")
    done = command("run", "-m", *quiet, *table, "preprocess.embedding_width=4,8")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if "stack" in line] == [
        "2 runs in 2 stacks: preprocess.embedding_width differs"
    ]


@pytest.mark.parametrize(("overrides", "stacked"), [([], True), (LBFGS, False), (OWN_NETWORK, False)])
def test_a_users_own_network_or_optimizer_trains_alone(overrides: list[str], stacked: bool) -> None:
    plans = [make(*overrides, f"seed={seed}") for seed in range(3)]
    found, differing = kinds(plans, Local(5))
    assert [(kind.members, kind.size) for kind in found] == (
        [([0, 1, 2], 5)] if stacked else [([0], 1), ([1], 1), ([2], 1)]
    )
    assert differing == []


def test_in_words() -> None:
    plain, own = make(), make(*OWN_NETWORK)
    assert in_words(*kinds([plain], Local())) == "1 run in 1 stack"
    assert in_words(*kinds([own] * 2, Local())) == ("2 runs in 2 stacks: 2 alone (model.stack is false)")
    assert in_words(*kinds([plain, own, own], Local())) == (
        "3 runs in 3 stacks: model differs; 2 alone (model.stack is false)"
    )
    assert in_words([Kind(list(range(7)), plain, 2, 3)], []) == "7 runs in 3 stacks: 3 at most in each, 2 at a time"
    found, differing = kinds([plain, make("model.norm=batch"), plain], Local(1))
    assert in_words(found, differing) == (
        f"3 runs in 3 stacks: model.norm differs; 1 at most in each, {cores()} at a time"
    )


# ---- parts of different sizes


@pytest.mark.parametrize(
    ("rows", "batch_size", "parts"),
    [
        ([61, 62], 31, [11, 11]),
        ([61, 62, 33], None, [11, 32, 1]),
        ([61, 40, 62], 31, [30, 4, 17]),
        ([37, 37], 10, [4097, 4100]),
        ([64, 33], 32, [0, 0]),
        ([5, 1, 32], None, [3, 2, 1]),
    ],
)
@pytest.mark.parametrize("norm", [None, "batch"])
def test_parts_of_other_sizes_train_to_the_same_bits(
    rows: list[int], batch_size: int | None, parts: list[int], norm: str | None
) -> None:
    """Runs that form a stack, by `step_shape` and `evaluation_shape`, alone and together."""
    assert len({step_shape(n, min(batch_size or n, n)) for n in rows}) == 1
    assert len({evaluation_shape(n) for n in parts}) == 1

    def members() -> list[Any]:
        return [
            make_member(
                "multiclass",
                seed,
                train_rows=train,
                val_rows=val,
                data_seed=seed,
                model={"norm": norm},
                dropout=0.3 * (seed % 2),
                lr=0.01 * (seed + 1),
                epochs=3,
            )
            for seed, (train, val) in enumerate(zip(rows, parts, strict=True))
        ]

    together, alone = members(), members()
    in_a_stack = histories(together, max(rows) if batch_size is None else batch_size)
    for index, member in enumerate(alone):
        (by_itself,) = histories([member], min(batch_size or rows[index], rows[index]))
        assert timeless(by_itself) == timeless(in_a_stack[index])
        assert same_weights(member.module, together[index].module)


@pytest.mark.parametrize(
    ("rows", "batch_size", "shape"),
    [
        (100, 32, (4, 32)),
        (96, 32, (3, 32)),
        (97, 32, (4, 32)),
        (100, 33, (4, 33)),
        (100, 100, (1, 128)),
        (97, 97, (1, 128)),
        (96, 96, (1, 96)),
        (1, 1, (1, 32)),
        (2, 1, (2, 1)),
    ],
)
def test_step_shape(rows: int, batch_size: int, shape: tuple[int, int]) -> None:
    assert step_shape(rows, batch_size) == shape


@pytest.mark.parametrize(
    ("rows", "shape"),
    [
        (0, (0, 0)),
        (1, (1, 32)),
        (32, (1, 32)),
        (33, (1, 64)),
        (1024, (1, 1024)),
        (1025, (2, 544)),
        (1088, (2, 544)),
        (1089, (2, 576)),
        (2048, (2, 1024)),
        (2049, (3, 704)),
    ],
)
def test_evaluation_shape(rows: int, shape: tuple[int, int]) -> None:
    assert evaluation_shape(rows) == shape
    if rows:
        numbers, valid = evaluation_rows(torch.arange(rows).numpy(), rows)
        assert numbers.shape == valid.shape == shape
        assert numbers[valid == 1].tolist() == list(range(rows))


# ---- sizes


@pytest.mark.parametrize("parallel", [1, 2, 3, 8])
@pytest.mark.parametrize("size", [1, 2, 7, 32, 1000])
def test_every_run_is_in_one_stack(size: int, parallel: int) -> None:
    for runs in (*range(1, 70), 95, 96, 97, 127, 128, 255, 256, 257, 1000):
        found = Kind(list(range(100, 100 + runs)), make(), parallel, size).stacks()
        assert [member for members in found for member in members] == list(range(100, 100 + runs))
        sizes = [len(members) for members in found]
        assert 1 <= min(sizes) <= max(sizes) <= size, (runs, sizes)
        assert max(sizes) - min(sizes) <= 1
        fewest = math.ceil(runs / size)
        if runs < FEWEST_IN_PARALLEL * parallel:
            assert len(found) == fewest  # small stacks are not cut for more cores
        else:
            assert fewest <= len(found) <= math.ceil(fewest / parallel) * parallel
        if fewest == 1 and runs >= FEWEST_IN_PARALLEL * parallel:
            assert len(found) == parallel
            assert min(sizes) >= FEWEST_IN_PARALLEL


@pytest.mark.parametrize(
    ("cores", "threads", "runs", "sizes"),
    [
        (1, 1, 64, [64]),
        (2, 1, 7, [7]),
        (2, 1, 8, [4, 4]),
        (2, 1, 65, [33, 32]),
        (2, 2, 65, [65]),
        (4, 2, 64, [32, 32]),
        (4, 1, 15, [15]),
        (4, 1, 16, [4, 4, 4, 4]),
        (1, 2, 64, [64]),
        (2, 1, 129, [65, 64]),
        (2, 1, 230, [58, 58, 57, 57]),
    ],
)
def test_stacks_are_cut_for_more_cores(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, runs: int, sizes: list[int]
) -> None:
    """The cache holds 95 of these runs."""
    monkeypatch.setattr(stacks, "cores", lambda: cores)
    monkeypatch.setattr(stacks, "free_memory", lambda device: 2**40)
    (kind,), _ = kinds([make(f"trainer.threads={threads}")] * runs, Local())
    assert kind.size == 95
    assert kind.parallel == max(1, cores // threads)
    assert [len(members) for members in kind.stacks()] == sizes


@pytest.mark.parametrize(("limit", "sizes"), [(1, [1] * 5), (2, [2, 2, 1]), (3, [3, 2]), (5, [5]), (100, [5])])
def test_a_limit_of_the_users_own(limit: int, sizes: list[int]) -> None:
    (kind,), _ = kinds([make()] * 5, Local(limit))
    assert [len(members) for members in kind.stacks()] == sizes


def test_a_limit_that_is_no_size_is_refused(command: Command, tmp_path: Path) -> None:
    done = command("run", "-m", "trainer.epochs=1", "trainer.device=cpu", "seed=1,2", "hydra.launcher.max_stack=-1")
    assert done.returncode == 1
    assert "max_stack" in done.stderr
    assert list(tmp_path.rglob("model.pt")) == []


def test_sizes_by_hand() -> None:
    """2 × 64 + 64, 64 × 32 + 32 and 32 + 1 parameters; 2 inputs, 64, 32 and 1 values of a row; 100 rows validate."""
    made = make()
    parameters, values = 192 + 2080 + 33, 99
    assert network_size(made) == (parameters, values)
    assert member_bytes(made) == 4 * (7 * parameters + 7 * (32 + 128) * values + 10 * len(made.parts.train))
    assert step_bytes(parameters, values, 32) == 20 * (parameters + 32 * values)


@pytest.mark.parametrize(
    ("free", "size"),
    [(2**40, 95), (2 * 536060 * 10, 10), (2 * 536060 * 10 - 1, 9), (2 * 536060, 1), (1000, 1), (0, 1)],
)
def test_memory_bounds_a_stack(monkeypatch: pytest.MonkeyPatch, free: int, size: int) -> None:
    """Half of what is free, at 536060 bytes a run."""
    monkeypatch.setattr(stacks, "free_memory", lambda device: free)
    assert stack_size(make()) == size
    (kind,), _ = kinds([make()] * 3, Local())
    assert kind.size == size


@pytest.mark.parametrize(
    ("overrides", "size"),
    [
        (["model.hidden_sizes=[]"], 10 * 2**20 // (20 * (3 + 32 * 3))),
        (["model.hidden_sizes=[700,700]"], 1),
        (["model.hidden_sizes=[3000,3000]"], 1),
        (["trainer.batch_size=full"], 10 * 2**20 // (20 * (2305 + 704 * 99))),
        (["trainer.batch_size=full", "data.n_samples=100000"], 1),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_the_cache_bounds_a_stack(monkeypatch: pytest.MonkeyPatch, overrides: list[str], size: int) -> None:
    monkeypatch.setattr(stacks, "free_memory", lambda device: 2**40)
    assert stack_size(make(*overrides)) == size


def test_a_network_of_ones_own_is_as_large_as_its_trial_found() -> None:
    """Two inputs, one output."""
    assert network_size(make(*OWN_STACK)) == (3, 3)
    assert make(*OWN_NETWORK).tried is None
    assert make("model.stack=true").stacked_by is None


def test_embeddings_count(table: list[str]) -> None:
    """20 cities and one value for any other, as rows of 8 numbers."""
    made = make(*table, "model.hidden_sizes=[]")
    inputs = made.preprocessing.inputs_width
    rows = made.preprocessing.embedding_starts[-1]
    assert network_size(made) == (rows * 8 + (inputs + 7) + 1, inputs + 1)


EMBEDDED = ["data=diabetes", "model.hidden_sizes=[]", "model.embedding_hidden=5", "model.embedding_width=2"]


@pytest.mark.parametrize(
    ("words", "parameters", "values"),
    [
        ([], 11, 11),
        (["model.scale_inputs=true"], 21, 11),
        (["model.number_embedding=periodic"], 10 * (5 * 2 + 2 + 10) + 31, 10 * (5 + 2) + 11),
        (["model.number_embedding=piecewise_linear"], 10 * (5 * 2 + 2) + 31, 10 * (5 + 2) + 11),
        (["model.number_embedding=periodic", "model.most_embedded=9"], 11, 11),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_embedded_numbers_count(words: list[str], parameters: int, values: int) -> None:
    """Of ten numbers: what each makes of itself, and ten weights more for what is put before the row."""
    assert network_size(make(*EMBEDDED, *words)) == (parameters, values)


def test_what_this_machine_has() -> None:
    assert cores() >= 1
    assert stacks.free_memory(CPU) > 2**20


# ---- what runs share


def run_of(made: Plan) -> Run:
    return prepare(made, RunFolder("."))


def objects_in(value: Any) -> Iterator[nn.PReLU]:
    """The modules in lists and dictionaries."""
    if isinstance(value, nn.PReLU):
        yield value
    elif isinstance(value, list | dict):
        for part in value.values() if isinstance(value, dict) else value:
            yield from objects_in(part)


def plans_of(*many: Sequence[str]) -> list[Plan]:
    """Plans of one sweep."""
    session = Session()
    return [make(*overrides, session=session) for overrides in many]


TABLES = ("inputs", "targets", "weights")
ALL = {"dataset", "parts", *TABLES}


@pytest.mark.parametrize(
    ("one", "other", "common"),
    [
        ([], ["seed=1"], ALL),
        ([], ["model.norm=batch", "optimizer=sgd"], ALL),
        ([], ["split.seed=7"], {"dataset"}),
        ([], ["split.seed=null"], {"dataset"}),
        (["split.seed=null"], ["split.seed=null", "seed=1"], {"dataset"}),
        (["split.seed=null"], ["split.seed=null", "optimizer.lr=1"], ALL),
        (["split=folds"], ["split=folds", "split.fold=1"], {"dataset"}),
        ([], ["preprocess=none"], {"dataset", "parts"}),
        ([], ["loss.label_smoothing=0.1"], {"dataset", "parts", "inputs"}),
        ([], ["loss.class_weight=balanced"], {"dataset", "parts", "inputs"}),
        ([], ["data.seed=1"], set()),
        ([], ["data=moons"], set()),
    ],
    ids=lambda words: " ".join(sorted(words)) or "-",
)
def test_runs_share_what_is_the_same(one: list[str], other: list[str], common: set[str]) -> None:
    plans = plans_of(one, other)
    data = [made.data() for made in plans]
    things = {
        "dataset": [id(made.components.dataset) for made in plans],
        "parts": [id(made.parts) for made in plans],
        **{name: [getattr(rows, name).data_ptr() for rows in data] for name in TABLES},
    }
    assert {name for name, (first, second) in things.items() if first == second} == common


def test_runs_of_two_sweeps_share_nothing() -> None:
    first, second = plans_of([])[0], plans_of([])[0]
    assert first.components.dataset is not second.components.dataset
    assert first.data().inputs.data_ptr() != second.data().inputs.data_ptr()


def test_sharing_changes_no_number() -> None:
    """What a run has by itself is what it has beside others."""
    words = [["loss.label_smoothing=0.1"], ["split.seed=null"], ["split.seed=null", "seed=1"], ["preprocess=robust"]]
    for overrides, beside in zip(words, plans_of(*words), strict=True):
        alone = make(*overrides)
        for name in TABLES:
            assert torch.equal(getattr(alone.data(), name), getattr(beside.data(), name))
        assert [rows.tolist() for _, rows in alone.parts.items()] == [rows.tolist() for _, rows in beside.parts.items()]


@pytest.mark.slow
def test_tables_live_as_long_as_their_runs() -> None:
    gc.freeze()  # to look for garbage in what is made here alone, not in all that the suite holds
    first, second = plans_of([], ["seed=1"])
    runs = [run_of(first), run_of(second)]
    tables = [weakref.ref(getattr(runs[0].trainee.data, name)) for name in TABLES]
    expected = runs[0].trainee.data.inputs.clone()
    del runs[0]
    gc.collect()
    assert tables[0]() is runs[0].trainee.data.inputs
    assert all(table() is not None for table in tables)
    runs.clear()
    gc.collect()
    gc.unfreeze()
    assert [table() for table in tables] == [None, None, None]
    assert torch.equal(first.data().inputs, expected)


@pytest.mark.parametrize(
    "more",
    [
        ["+model.part={_target_: torch.nn.PReLU}"],
        ["+model.parts=[{_target_: torch.nn.PReLU}]"],
        ["+model.parts={deep: [{_target_: torch.nn.PReLU}]}"],
        ["+model.sizes=[3]"],
    ],
    ids=" ".join,
)
def test_objects_of_a_network_are_its_own(more: list[str]) -> None:
    """Another run's network must not train with them, and what one does to its list is not done to another's."""
    first, second = (
        made.components.model(2, 1, numbers=2)
        for made in plans_of([*OWN_NETWORK, *more], [*OWN_NETWORK, *more, "seed=1"])
    )
    assert isinstance(first, WithParts)
    assert isinstance(second, WithParts)
    assert first is not second
    assert first.sizes == second.sizes == ([3, 1] if "sizes" in more[0] else None)
    objects = [[*objects_in([network.part, network.parts])] for network in (first, second)]
    assert [len(found) for found in objects] == [0 if "sizes" in more[0] else 1] * 2
    assert not {id(found) for found in objects[0]} & {id(found) for found in objects[1]}
