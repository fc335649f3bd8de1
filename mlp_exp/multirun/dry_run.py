"""What a sweep would do: its jobs, its stacks, and about how much memory and time they take."""

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mlp_exp.display.tables import print_dry_run, print_dry_run_of_one
from mlp_exp.engine.threads import set_threads
from mlp_exp.errors import SweeperError, counted, describe
from mlp_exp.experiment.job_context import active, require_correct
from mlp_exp.experiment.plan import Plan
from mlp_exp.experiment.planning import plan_of
from mlp_exp.experiment.prepare import prepare
from mlp_exp.experiment.session import Session
from mlp_exp.multirun.executors.local import Local
from mlp_exp.multirun.executors.stacks import Kind, in_words, kinds, member_bytes
from mlp_exp.multirun.job import Job
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.training.loop import train
from mlp_exp.training.schedulers import constant_rate

TIMED_STEPS = 20
PROCESS_BYTES = 400 * 2**20
"""Python, torch and the blocks of batches."""


def describe_sweep(jobs: Sequence[Job], max_stack: int | None) -> None:
    """Prints jobs and stacks with estimates, for this machine; trains nothing that is kept.

    Raises:
        SweeperError: the sweeper and the runs do not fit together.
    """
    planned: list[tuple[Job, Plan]] = []
    session = Session(shows_data=len(jobs) == 1)
    for job in jobs:
        try:
            spec = job.compose()
            with active(spec):
                require_correct(spec)
            planned.append((job, plan_of(spec, session)))
        except SweeperError:
            raise
        except Exception as error:  # the others are to be described
            job.failure = describe(error)
    plans = [made for _, made in planned]
    if not plans:  # the failures say it all
        return
    if len(jobs) == len(plans) == 1:
        print_dry_run_of_one(*described(plans[0]))
        return
    found, differing = kinds(plans, Local(max_stack))
    stacks = []
    times = []
    for kind in found:
        for members in kind.stacks():
            chosen = [plans[index] for index in members]
            seconds = estimated_seconds(kind, chosen)
            times.append(seconds)
            numbers = [planned[index][0].number for index in members]
            mib = estimated_bytes(chosen) / 2**20
            stacks.append([as_ranges(numbers), str(len(members)), f"{mib:.0f} MiB", f"{seconds:.1f} s"])
    listed = [(job.number, job.overrides, bool(job.failure)) for job in jobs]
    parallel = min((kind.parallel for kind in found), default=1)
    print_dry_run(listed, in_words(found, differing), stacks, max([sum(times) / parallel, *times]))


def described(made: Plan) -> tuple[str, str, float]:
    """The run in words, how it would be trained, and about how many seconds that takes."""
    (kind,), _ = kinds([made], Local())
    config, steps = made.components.config, made.steps
    training = (
        f"{counted(made.epochs, 'epoch')} of {counted(steps, 'step')} of {counted(made.batch_size, 'row')}, "
        f"{_name(config['optimizer'])} with lr {config['optimizer']['lr']:g}, "
        f"{_name(config['scheduler'])}, {_name(config['early_stopping'])}"
    )
    return prepare(made, RunFolder(".")).description, training, estimated_seconds(kind, [made])


def _name(node: Mapping[str, Any]) -> str:
    return str(node["_target_"]).rpartition(".")[2]


def as_ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers, as `0-3, 7`."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def estimated_bytes(plans: Sequence[Plan]) -> int:
    """Of a stack: what each member adds, and the tables, each once."""
    tables = {made.key: 4 * made.preprocessing.inputs_width * len(made.components.dataset.target) for made in plans}
    data = plans[0].components.dataset.features.nbytes
    networks = sum(len(made.members) for made in plans)
    return PROCESS_BYTES + data + 2 * sum(tables.values()) + networks * member_bytes(plans[0])


def estimated_seconds(kind: Kind, plans: Sequence[Plan]) -> float:
    """Of a stack, from a few steps of networks that are thrown away."""
    set_threads(plans[0].components.trainer.threads)
    batch_size = max(made.batch_size for made in plans)
    runs = [prepare(made, RunFolder(".")) for made in plans]
    share = min(1.0, TIMED_STEPS * batch_size / plans[0].train_rows)
    members = []
    for trainee in [trainee for run in runs for trainee in run.trainees]:
        train_rows, val_rows = (
            rows[: math.ceil(share * fewest)]
            for rows, fewest in ((trainee.data.train, plans[0].train_rows), (trainee.data.val, plans[0].val_rows))
        )
        fewer = replace(trainee.data, train=train_rows, val=val_rows, evaluated_as=math.ceil(share * plans[0].val_rows))
        validation = trainee.validation and trainee.validation.first(len(val_rows))
        rate = constant_rate(trainee.learning_rate.value)  # a schedule by step has those of a whole epoch
        members.append(replace(trainee, data=fewer, validation=validation, learning_rate=rate, epochs=3))
    training = train(members, batch_size, kind.plan.device)
    next(training)  # the first epoch warms up
    start = time.perf_counter()
    next(training)
    seconds = time.perf_counter() - start
    training.close()
    return seconds / share * max(made.epochs for made in plans)
