"""Which runs form a stack, and how many at most."""

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import nn

from mlp_exp.engine.batches import evaluation_shape, step_shape
from mlp_exp.errors import counted
from mlp_exp.experiment.network import build_network
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.spec import RunSpec, StackTask
from mlp_exp.model.number_embedding import NumberEmbedding
from mlp_exp.model.without_memory import without_memory
from mlp_exp.processes.forks import cores

STACK_BYTES = 10 * 2**20
"""Most memory of a step on a CPU: beyond a core's part of the cache a stack is slower than its runs in turn."""
FEWEST_IN_PARALLEL = 4
"""Fewest members of each part when a stack is divided among cores: of fewer, a step costs nearly as much."""
MOST_ON_GPU = 512
"""Runs in a task for a GPU elsewhere, which divides it by its memory."""
NUMBERS_PER_PARAMETER = 7
"""Parameter, gradient, step, two moments, best so far, mean."""
NUMBERS_PER_VALUE = 7
"""Of what a layer makes of a row: the value, its slope and gradient, and what norms and activations keep."""
NUMBERS_PER_ROW = 10
"""Of the training part: its place in an epoch, and what a GPU needs to draw it."""


@dataclass
class Kind:
    """Runs that may train together, in the order of their jobs.

    Attributes:
        members: indices of the runs.
        plan: of the first.
        parallel: how many stacks may train at the same time.
        size: how many may form a stack.
    """

    members: list[int]
    plan: Plan
    parallel: int
    size: int

    def stacks(self) -> list[list[int]]:
        """The members in stacks of nearly equal size."""
        count = -(-len(self.members) // self.size)
        rounded = -(-count // self.parallel) * self.parallel
        if len(self.members) >= FEWEST_IN_PARALLEL * rounded:
            count = rounded
        each, more = divmod(len(self.members), count)
        ends = [each * (i + 1) + min(i + 1, more) for i in range(count)]
        return [self.members[start:end] for start, end in zip([0, *ends], ends, strict=False)]


class Room(Protocol):
    """What a place to train has room for.

    Attributes:
        max_stack: runs that train as one stack at most; None for as many as train best together.
    """

    max_stack: int | None

    def parallel(self, plan: Plan) -> int:
        """How many stacks of such runs may train at the same time."""

    def size(self, plan: Plan) -> int:
        """How many such runs train best together."""


def kinds(plans: Sequence[Plan], room: Room) -> tuple[list[Kind], list[str]]:
    """Sorts runs by what must be equal in a stack.

    Args:
        room: says how many may form one.

    Returns:
        The kinds, and the keys of the configuration in which they differ.
    """
    groups: dict[tuple[Hashable, ...], list[int]] = {}
    requirements = [plan.requirements() for plan in plans]
    for index, (plan, required) in enumerate(zip(plans, requirements, strict=True)):
        alone = () if plan.stacks else (index,)
        groups.setdefault((*sorted(required.items()), *alone), []).append(index)
    found = []
    for members in groups.values():
        plan = plans[members[0]]
        # networks of one run train together
        size = max(1, (room.max_stack or room.size(plan)) // len(plan.members)) if plan.stacks else 1
        found.append(Kind(members, plan, room.parallel(plan), size))
    return found, _differing([requirements[kind.members[0]] for kind in found])


def tasks_of(
    found: Sequence[Kind], planned: Sequence[tuple[RunSpec, Plan]], ends: Mapping[int, int]
) -> list[StackTask]:
    """The stacks of runs as tasks.

    Args:
        ends: by the number of a run the epoch after which it pauses; those of a stack that differ are several tasks.
    """
    tasks: list[StackTask] = []
    for kind in found:
        for members in kind.stacks():
            stack = [planned[index] for index in members]
            for end in dict.fromkeys(ends.get(spec.job_number) for spec, _ in stack):
                together = [(spec, plan) for spec, plan in stack if ends.get(spec.job_number) == end]
                specs, plans = zip(*together, strict=True)
                tasks.append(StackTask(len(tasks), specs, tuple(plan.checkpoint for plan in plans), end))
    return tasks


def _differing(requirements: Sequence[Mapping[str, Hashable]]) -> list[str]:
    """The keys in which they differ; of a group with different classes, the group alone."""
    names = dict.fromkeys(name for required in requirements for name in required)
    differing = [name for name in names if len({required.get(name) for required in requirements}) > 1]
    groups = {name.removesuffix("._target_") for name in differing if name.endswith("._target_")}
    return list(dict.fromkeys(group if (group := name.partition(".")[0]) in groups else name for name in differing))


def parallel_stacks(plan: Plan, on_cores: int | None = None) -> int:
    """How many stacks may train at the same time: one for each GPU, or each core that the runs' threads leave free.

    Args:
        on_cores: None for as many as this process may use.
    """
    if plan.device.type != "cpu":
        return max(1, torch.cuda.device_count()) if plan.device.type == "cuda" else 1
    return max(1, (on_cores or cores()) // plan.components.trainer.threads)


def stack_size(plan: Plan) -> int:
    """How many runs like this one train best together: as many as cache (CPU) and memory hold, and one at least."""
    parameters, width = network_size(plan)
    _, batch = step_shape(plan.train_rows, plan.batch_size)
    size = free_memory(plan.device) // 2 // member_bytes(plan)
    if plan.device.type == "cpu":
        size = min(size, most_in_cache(parameters, width, batch))
    return max(1, size)


def size_anywhere(plan: Plan, on_cores: int, *, on_gpu: bool) -> int:
    """Most runs like this one in a task for a machine that is not known, which divides it: what fills its caches.

    Args:
        on_cores: of a worker, which trains a stack on as many as a run has threads.
        on_gpu: whether a worker has one.
    """
    if on_gpu:
        return MOST_ON_GPU
    parameters, width = network_size(plan)
    _, batch = step_shape(plan.train_rows, plan.batch_size)
    return max(1, most_in_cache(parameters, width, batch) * max(1, on_cores // plan.components.trainer.threads))


def most_in_cache(parameters: int, width: int, batch: int) -> int:
    """How many members may step together within `STACK_BYTES`."""
    return STACK_BYTES // step_bytes(parameters, width, batch)


def step_bytes(parameters: int, width: int, batch: int) -> int:
    """Memory that a step of one member touches: five numbers for each parameter and each value of a row."""
    return 4 * 5 * (parameters + batch * width)


def member_bytes(plan: Plan) -> int:
    """Memory that one more member takes, without a table that it shares."""
    parameters, width = network_size(plan)
    _, batch = step_shape(plan.train_rows, plan.batch_size)
    _, evaluated = evaluation_shape(plan.val_rows)
    values = NUMBERS_PER_VALUE * (batch + evaluated) * width
    return 4 * (NUMBERS_PER_PARAMETER * parameters + values + NUMBERS_PER_ROW * plan.train_rows)


def network_size(plan: Plan) -> tuple[int, int]:
    """How many parameters the network has, and how many numbers it makes of a row, its inputs among them."""
    if plan.tried:
        return plan.tried.parameters, plan.preprocessing.inputs_width + plan.tried.values
    with torch.random.fork_rng(devices=[]), without_memory():  # what draws there draws from torch's generator
        network = build_network(plan.components.model, plan.preprocessing, plan.loss.out_features)
    parameters = sum(parameter.numel() for parameter in network.parameters())
    return parameters, plan.preprocessing.inputs_width + sum(map(_values, network.modules()))


def _values(module: nn.Module) -> int:
    """How many numbers a layer makes of a row."""
    if isinstance(module, NumberEmbedding):
        numbers, hidden, width = module.weight.shape
        return numbers * (hidden + width)
    return module.out_features if isinstance(module, nn.Linear) else 0


def free_memory(device: torch.device) -> int:
    """Bytes that are free on the device."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):  # not on this system
        return 4 * 2**30


def in_words(found: Sequence[Kind], differing: Sequence[str]) -> str:
    """Into how many stacks the runs go, and why."""
    runs = sum(len(kind.members) for kind in found)
    sizes = [len(members) for kind in found for members in kind.stacks()]
    reasons = []
    alone = sum(not kind.plan.stacks for kind in found)
    if alone < len(found) > 1:
        reasons.append(f"{', '.join(differing)} differ{'s' * (len(differing) == 1)}")
    if alone:
        because = dict.fromkeys(kind.plan.alone for kind in found if kind.plan.alone)
        reasons.append(f"{alone} alone ({'; '.join(map(str, because))})")
    if len(sizes) > len(found):
        reasons.append(f"{max(sizes)} at most in each, {found[0].parallel} at a time")
    text = f"{counted(runs, 'run')} in {counted(len(sizes), 'stack')}"
    return text + (f": {'; '.join(reasons)}" if reasons else "")
