"""Keeps a new run out of another run's folder, and a new sweep out of another sweep's."""

from pathlib import Path
from typing import Any, NoReturn

from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from mlp_exp.cli.options import OPTIONS
from mlp_exp.errors import ConfigError, MlpExpError, RunFolderError, SweeperError, describe
from mlp_exp.storage.hydra_files import HYDRA
from mlp_exp.storage.lease import hold
from mlp_exp.storage.run_folder import RunFolder
from mlp_exp.storage.sweep_folder import MULTIRUN
from mlp_exp.storage.yaml_file import read_yaml

NO_SEARCH = ("search=none", "hydra/sweeper=basic")


class RefuseUsedFolder(Callback):
    """Refuses before Hydra saves its configuration over the one that is there."""

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _refuse_search(config)
        folder = RunFolder(_folder(config, "run"))
        if OPTIONS.get().resumes:
            return
        try:
            folder.require_unused()
        except RunFolderError as error:
            _refuse(error)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        HydraConfig.instance().cfg = config  # type: ignore[assignment]  # whichever launcher: the command asks for its folder
        if config.hydra.output_subdir != HYDRA:
            said = f"where a sweep keeps what each of its runs was, got {config.hydra.output_subdir}. Leave it out"
            _refuse(RunFolderError(f"hydra.output_subdir: expected {HYDRA}, {said}"))
        folder = _folder(config, "sweep").absolute()
        saved = folder / MULTIRUN
        if OPTIONS.get().resumes and not saved.exists():
            _refuse(RunFolderError(f"{folder}: expected the folder of an earlier sweep, with {MULTIRUN}, to resume"))
        _take_lease(folder)
        if not saved.exists():
            return
        if not OPTIONS.get().resumes:
            how = "Go on with it: resume=true; or choose another hydra.sweep.dir"
            _refuse(RunFolderError(f"{folder}: holds another sweep. {how}"))
        try:
            settings = read_yaml(saved)["hydra"]
            earlier, subfolder = settings["overrides"]["task"], settings.get("output_subdir", HYDRA)
            " ".join(earlier)
        except (RunFolderError, KeyError, TypeError, AttributeError) as error:
            _refuse(RunFolderError(f"{saved}: expected the settings of a sweep, as Hydra writes them: {error}"))
        if subfolder != HYDRA:
            was = "null" if subfolder is None else subfolder
            _refuse(
                RunFolderError(
                    f"{folder}: was made with hydra.output_subdir={was}, and its runs cannot be told apart: it cannot "
                    "be resumed. Start another sweep: choose another hydra.sweep.dir"
                )
            )
        if earlier != config.hydra.overrides.task:
            was, now = (" ".join(overrides or ()) for overrides in (earlier, config.hydra.overrides.task))
            said = f"resume=true goes on with the same sweep.\n  It was: {was}\n  Now:    {now}"
            _refuse(RunFolderError(f"{folder}: {said}"))
        _require_trusted(config)


def _refuse(error: MlpExpError | OSError) -> NoReturn:
    """Ends the command: Hydra turns any other exception of a callback into a warning."""
    raise SystemExit(describe(error)) from error


def _take_lease(folder: Path) -> None:
    """Keeps other commands out of the sweep until this one ends, before anything of it is read or written."""
    if OPTIONS.get().dry_run:
        return
    try:
        hold(folder)
    except (MlpExpError, OSError) as error:
        _refuse(error)


def _require_trusted(config: DictConfig) -> None:
    """What all jobs have in common, before anything is written."""
    from mlp_exp.cli.resumed_sweep import require_trusted

    try:
        require_trusted(config, config.hydra.overrides.task, OPTIONS.get())
    except SweeperError as error:
        _refuse(error)


def _refuse_search(config: DictConfig) -> None:
    """Refuses to train one run where a search was asked for."""
    typed: Any = OmegaConf.to_container(config.hydra.overrides, resolve=False)
    words = [*typed["task"], *typed["hydra"]]
    search = [word for word in words if word.startswith(("search=", "hydra/sweeper=")) and word not in NO_SEARCH]
    if search:
        _refuse(ConfigError([f"{search[0]}: is for -m, without which one run trains; add -m"]))


def _folder(config: DictConfig, mode: str) -> Path:
    """`hydra.run.dir` or `hydra.sweep.dir`."""
    try:
        return Path(config.hydra[mode].dir)
    except OmegaConfBaseException as error:
        from mlp_exp.config.validation import unresolved

        _refuse(ConfigError([unresolved(error)]))
