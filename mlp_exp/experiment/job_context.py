"""What surrounds a run: working directory, environment variables, and what Hydra says of the job."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from omegaconf import DictConfig, OmegaConf, flag_override

from mlp_exp.config.components import PUBLIC, is_component
from mlp_exp.config.named_files import named_files
from mlp_exp.config.validation import require_valid
from mlp_exp.errors import DataError
from mlp_exp.experiment.spec import RunSpec
from mlp_exp.storage.run_folder import RunFolder

TABLE = f"{PUBLIC}.table"


@contextmanager
def active(spec: RunSpec) -> Iterator[None]:
    """Inside, the process is where the run expects it, and its folder is there: the user's own code may ask for this.

    `HydraConfig` then has the run's folder, number and overrides, and what else `RunSpec.job` holds, unless Hydra
    itself is running this job; modules where the command was called can be imported. So it is while the parts of a run
    are built, while a run trains alone, as those with a network of the user's own do, and when it is evaluated. What
    runs of a larger stack call while they train (`stops`, `get_lr`, a loss) has to ask in its constructor.
    """
    Path(spec.folder).mkdir(parents=True, exist_ok=True)
    job = HydraConfig.instance().cfg if _is_current(spec) else _HydraOf(spec)
    importable = _importable(spec.job.get("hydra.runtime.cwd"))
    with current_job(job), env_override(spec.environment), importable, chdir(spec.directory):
        yield


@contextmanager
def _importable(folder: str | None) -> Iterator[None]:
    """Inside, modules in this folder can be imported."""
    added = folder is not None and folder not in sys.path
    if added:
        sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        if added:
            sys.path[:] = [path for path in sys.path if path != folder]


@contextmanager
def current_job(config: Any) -> Iterator[None]:
    """Inside, this is the configuration of Hydra's current job."""
    before = HydraConfig.instance().cfg
    HydraConfig.instance().cfg = config
    try:
        yield
    finally:
        HydraConfig.instance().cfg = before


def check(spec: RunSpec, *, reads_table: bool = False) -> None:
    """Checks the configuration of a run as a whole; its folder says so if it is wrong.

    Args:
        reads_table: whether it also looks for the columns that the configuration names in a small table.

    Raises:
        ConfigError: with a line for every mistake.
        DataError: the table has no such column, or is none.
    """
    try:
        with active(spec):
            require_correct(spec)
            if reads_table and spec.values["data"]["_target_"] == TABLE:
                _check_table(spec.values["data"], spec.values["split"])
    except BaseException as error:
        RunFolder(spec.folder).write_failure(error)
        raise


def require_correct(spec: RunSpec) -> None:
    """Checks the configuration of an active run, and where its files are.

    Raises:
        ConfigError: with a line for every mistake.
        DataError: as of `require_files`.
    """
    require_valid(spec.values, [spec.typed.get(word, word) for word in spec.overrides])
    require_files(spec)


def require_files(spec: RunSpec) -> None:
    """Raises DataError for a file of an active run that is not in its folder, where hydra.job.chdir=true looks for it.

    A relative name for a source of your own may be anything, unless there is such a file where the command was called.
    """
    called = Path(spec.job.get("hydra.runtime.cwd", ""))
    for name in named_files(spec.values) if Path(spec.directory) != called else ():
        if os.path.exists(os.path.expanduser(name)):
            continue
        where = f"{name}: is not in the run's folder, from where a run with hydra.job.chdir=true looks for it"
        if os.path.exists(called / name):
            raise DataError(f"{where}. Give its whole path: {shlex.quote(str(called / name))}")
        if spec.values["data"]["_target_"] == TABLE and not os.path.isabs(name):
            raise DataError(f"{where}, and not in {called}. Give its whole path")


def _check_table(data: Mapping[str, Any], split: Mapping[str, Any]) -> None:
    from mlp_exp.data.table.load import check_columns

    names = ["path", "target", "columns", "numeric", "categorical", "dates", "text", "drop"]
    names += ["separator", "encoding", "header", "weight"]
    given = {name: data[name] for name in names if name in data}
    column = split.get("column") if is_component(split["_target_"]) else None  # in one's own it may be anything
    check_columns(**given, split_column=column)


def _is_current(spec: RunSpec) -> bool:
    cfg: Any = HydraConfig.instance().cfg
    return OmegaConf.is_config(cfg) and OmegaConf.select(cfg, "hydra.runtime.output_dir") == spec.folder


class _HydraOf:
    """In the place of Hydra's configuration; made when it is asked for, since that takes milliseconds."""

    def __init__(self, spec: RunSpec) -> None:
        self._spec = spec

    @cached_property
    def hydra(self) -> DictConfig:
        config = OmegaConf.create({"hydra": OmegaConf.structured(HydraConf)})
        spec = self._spec
        own = {"hydra.overrides.task": list(spec.overrides), "hydra.runtime.output_dir": spec.folder}
        number = {} if spec.number is None else {"hydra.job.num": spec.number}
        with flag_override(config, ["struct", "readonly"], False):
            for key, value in (spec.job | own | number).items():
                OmegaConf.update(config, key, value, merge=False)
        hydra: DictConfig = config.hydra
        return hydra
