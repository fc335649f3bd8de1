"""Keeps a new run and a new sweep out of the folders of others."""

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.hydra_words import RUN_DIR, SWEEP_DIR
from mlp_exp.cli.options import OPTIONS
from mlp_exp.config.words import of_folder
from mlp_exp.display.commands import RESUME, program
from mlp_exp.errors import ConfigError, MlpExpError, RunFolderError, describe
from mlp_exp.storage.free_folder import free_folder
from mlp_exp.storage.hydra_files import HYDRA
from mlp_exp.storage.lease import hold
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN, begin_again, is_untrained
from mlp_exp.storage.yaml_file import read_yaml

NO_SEARCH = ("search=none", "hydra/sweeper=basic")


class RefuseUsedFolder(Callback):
    """Refuses before Hydra saves its configuration over the one that is there."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        with _refusing():
            _require_no_search(config)
            _require_own_key(config, RUN_DIR, SWEEP_DIR)
            folder = RunFolder(_folder(config, "run"))
            if not OPTIONS.get().resumes:
                _require_no_sweep(folder.path, "run")
                folder.require_unused()

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        HydraConfig.instance().cfg = config  # type: ignore[assignment]  # whichever launcher: the command asks for its folder
        with _refusing():
            if config.hydra.output_subdir != HYDRA:
                said = f"where a sweep keeps what each of its runs was, got {config.hydra.output_subdir}. Leave it out"
                raise RunFolderError(f"hydra.output_subdir: expected {HYDRA}, {said}")
            _require_values(config)
            if not OPTIONS.get().dry_run:  # which is a sweep also of one run
                _require_own_key(config, SWEEP_DIR, RUN_DIR)
            folder = _folder(config, "sweep").absolute()
            resumes = OPTIONS.get().resumes
            if resumes and not (folder / MULTIRUN).exists():
                raise RunFolderError(f"{folder}: expected the folder of an earlier sweep, with {MULTIRUN}, to resume")
            if not OPTIONS.get().dry_run:
                hold(folder)  # other commands are kept out until this one ends, before anything is read or written
            if resumes:
                _require_same(config, folder)
                _require_trusted(config)
                return
            if is_untrained(folder):
                begin_again(folder)
            _require_no_sweep(folder, "sweep")
            RunFolder(folder).require_unused("sweep")


@contextmanager
def _refusing() -> Iterator[None]:
    """Ends the command after an error: Hydra turns any other exception of a callback into a warning."""
    try:
        yield
    except (MlpExpError, OSError) as error:
        raise SystemExit(describe(error)) from error


def _require_values(config: DictConfig) -> None:
    """Raises ConfigError for a key that is swept over no value: the sweep would have no run."""
    parser = OverridesParser.create(GlobalHydra.instance().config_loader())
    calling = [word for word in _typed(config) if "(" in word]  # functions alone may have no value: range(0), glob(x*)
    empty = [
        f"{word.get_key_element()}: expected one value or more, and {word.get_value_string()} has none"
        for word in parser.parse_overrides(calling)
        if word.is_discrete_sweep() and not any(True for _ in word.sweep_iterator())
    ]
    if empty:
        raise ConfigError(empty)


def _require_own_key(config: DictConfig, own: str, other: str) -> None:
    """Raises ConfigError where a folder was typed with the key that this command does not read, not with its own."""
    typed: Any = OmegaConf.to_container(config.hydra.overrides.hydra, resolve=False)
    wrong = [word for word in typed if word.startswith(other)]
    if wrong and not any(word.startswith(own) for word in typed):
        what = "is for -m, and one run trains" if other == SWEEP_DIR else "is for one run, and this is a sweep"
        raise ConfigError([f"{wrong[-1]}: {what}; type {shlex.quote(own + wrong[-1].removeprefix(other))}"])


def _require_no_sweep(folder: Path, what: Literal["run", "sweep"]) -> None:
    """Raises RunFolderError for the folder of a sweep, in which `what` cannot begin."""
    if (folder / MULTIRUN).exists():
        raise RunFolderError(
            f"{folder}: holds a sweep already. Go on with it: {program()} {of_folder(RESUME, folder)}; or give "
            f"this {what} a folder of its own: {free_folder(f'hydra.{what}.dir', folder)}"
        )


def _require_same(config: DictConfig, folder: Path) -> None:
    """Raises RunFolderError unless the command goes on with the sweep that is there."""
    saved = folder / MULTIRUN
    try:
        settings = read_yaml(saved)["hydra"]
        earlier, subfolder = settings["overrides"]["task"], settings.get("output_subdir", HYDRA)
        " ".join(earlier)
    except (RunFolderError, KeyError, TypeError, AttributeError) as error:
        raise RunFolderError(f"{saved}: expected the settings of a sweep, as Hydra writes them: {error}") from error
    if subfolder != HYDRA:
        was = "null" if subfolder is None else subfolder
        raise RunFolderError(
            f"{folder}: was made with hydra.output_subdir={was}, and its runs cannot be told apart: it cannot be "
            "resumed. Start another sweep: choose another hydra.sweep.dir"
        )
    if earlier != _typed(config):
        was, now = (shlex.join(overrides or ()) for overrides in (earlier, _typed(config)))
        said = f"resume=true goes on with the same sweep.\n  It was: {was}\n  Now:    {now}"
        raise RunFolderError(f"{folder}: {said}")


def _typed(config: DictConfig) -> list[str]:
    """The overrides of the sweep, with interpolations as they were typed."""
    typed: Any = OmegaConf.to_container(config.hydra.overrides.task, resolve=False)
    return list(typed)


def _require_trusted(config: DictConfig) -> None:
    """What all jobs have in common, before anything is written."""
    from mlp_exp.cli.resumed_sweep import require_trusted

    require_trusted(config, config.hydra.overrides.task, OPTIONS.get())


def _require_no_search(config: DictConfig) -> None:
    """Raises ConfigError where one run would train, and a search was asked for."""
    typed: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    words = [*typed["task"], *typed["hydra"]]
    search = [word for word in words if word.startswith(("search=", "hydra/sweeper=")) and word not in NO_SEARCH]
    if search:
        raise ConfigError([f"{search[0]}: is for -m, without which one run trains; add -m"])


def _folder(config: DictConfig, mode: str) -> Path:
    """`hydra.run.dir` or `hydra.sweep.dir`."""
    try:
        return Path(config.hydra[mode].dir)
    except OmegaConfBaseException as error:
        from mlp_exp.config.validation import unresolved

        raise ConfigError([unresolved(error)]) from error
