"""What the command line says that is no part of a run's configuration."""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path

from mlp_exp.cli.hydra_words import LAUNCHER, RUN_DIR, SWEEP_DIR
from mlp_exp.config.words import of_folder, quoted
from mlp_exp.display.commands import ALLOW, DRY_RUN, RERUN, RESUME
from mlp_exp.errors import ConfigError
from mlp_exp.storage.run_folder import CHECKPOINT
from mlp_exp.storage.sweep_folder import MULTIRUN


@dataclass(frozen=True)
class Options:
    """How the command goes about its runs.

    Attributes:
        resumes: whether it continues what an earlier one began.
        saved: the folder of a run, to resume or rerun it with its configuration.
        dry_run: whether a sweep is only described.
        allow: packages that this configuration may name.
        sweep: the folder of a sweep, to resume it with the overrides that it holds.
    """

    resumes: bool = False
    saved: Path | None = None
    dry_run: bool = False
    allow: tuple[str, ...] = ()
    sweep: Path | None = None

    @property
    def rerun(self) -> Path | None:
        """The folder of the run that is trained again."""
        return None if self.resumes else self.saved


OPTIONS: ContextVar[Options] = ContextVar("options", default=Options())  # noqa: B039 (it cannot change)
"""Those of the current command. Hydra makes a callback from its configuration alone, which is saved, and which has to
be the same for the command that began a sweep and the one that resumes it."""


def take_options(arguments: list[str], scratch: str, *, multirun: bool) -> Options:
    """Removes what is not Hydra's from the command line, and adds what follows from it.

    Args:
        arguments: those of Hydra stay.
        scratch: the folder for a sweep that is only described.
        multirun: whether it is a sweep.

    Raises:
        ConfigError: they do not fit together.
    """
    allow = _take_allowed(arguments)
    dry_run = DRY_RUN in arguments
    resume, rerun = (_take_value(arguments, key) for key in (RESUME, RERUN))
    if dry_run:
        if resume is not None or rerun is not None:
            value = of_folder(RERUN, rerun or "") if resume is None else of_folder(RESUME, resume)
            raise ConfigError([f"{DRY_RUN}: describes a sweep from its beginning; leave out {value}"])
        rest = [argument for argument in arguments if argument != DRY_RUN and not argument.startswith(SWEEP_DIR)]
        arguments[:] = ["--multirun", *_with_stacks(rest), f"{SWEEP_DIR}{scratch}"]
    if rerun is not None and (multirun or resume is not None):
        raise ConfigError([f"{RERUN}: trains one run again; leave out {'-m' if multirun else RESUME}"])
    saved = rerun
    if rerun == "":
        raise ConfigError([f"{RERUN}: expected the folder of a run"])
    if resume and resume not in ("true", "false") and (not multirun or _is_sweep(Path(resume))):
        saved = resume
    elif resume is not None:
        _check_sweep(arguments, resume, multirun)
    if allow and saved is None:
        raise ConfigError([f"{ALLOW}: is for {RESUME}=RUN and {RERUN}=RUN; a configuration of your own is trusted"])
    if saved and "${" in saved:  # Hydra would replace it by a value, wherever it has the folder's name
        raise ConfigError([f"{RERUN if rerun else RESUME}: '{saved}' has ${{ in its name; rename the folder"])
    if saved and rerun is None and _is_sweep(Path(saved)):
        from mlp_exp.cli.sweep_line import arguments_of

        sweep = Path(saved).absolute()
        arguments[:] = arguments_of(sweep, arguments)
        return Options(resumes=True, allow=tuple(allow), sweep=sweep)
    if saved is None:
        return Options(resume == "true", None, dry_run)
    if rerun is None:
        arguments += [f"{RUN_DIR}{quoted(saved)}", "hydra.output_subdir=null"]
    return Options(rerun is None, Path(saved).absolute(), False, tuple(allow))


def _with_stacks(arguments: Sequence[str]) -> list[str]:
    """With a launcher of ours, which can describe a sweep, in the place of any other one with its settings."""
    if any(word in arguments for word in (f"{LAUNCHER}=ray", f"{LAUNCHER}=slurm")):
        return [*arguments]
    others = f"{LAUNCHER}=stacked" in arguments or not any(word.startswith(f"{LAUNCHER}=") for word in arguments)
    kept = arguments if others else [word for word in arguments if not word.startswith("hydra.launcher.")]
    return [*kept, f"{LAUNCHER}=stacked"]


def _is_sweep(folder: Path) -> bool:
    """Whether it is the folder of a sweep, and not that of a run."""
    return (folder / MULTIRUN).is_file() and not (folder / CHECKPOINT).exists()


def _take_allowed(arguments: list[str]) -> list[str]:
    """Removes and returns the packages after `--allow`."""
    allow, rest = [], []
    words = iter(arguments)
    for word in words:
        if word.partition("=")[0] != ALLOW:
            rest.append(word)
            continue
        package = word.partition("=")[2] or next(words, "")
        if not package.replace(".", "_").isidentifier():
            raise ConfigError([f"{ALLOW}: expected the name of a package, as my_package, got '{package}'"])
        allow.append(package)
    arguments[:] = rest
    return allow


def _take_value(arguments: list[str], key: str) -> str | None:
    """The value of the last `key=…`; removes all of them; ConfigError for the key alone."""
    if key in arguments:
        place = arguments.index(key)
        folder = [*arguments, "FOLDER"][place + 1]
        raise ConfigError([f"{key}: expected {key}=…, without a blank: {of_folder(key, folder)}"])
    found = [argument for argument in arguments if argument.partition("=")[0] == key]
    arguments[:] = [argument for argument in arguments if argument not in found]
    return found[-1].partition("=")[2] if found else None


def _check_sweep(arguments: Sequence[str], value: str, multirun: bool) -> None:
    folder = any(argument.startswith(SWEEP_DIR) for argument in arguments)
    if value not in ("true", "false") or (value == "true" and not (multirun and folder)):
        raise ConfigError(
            [
                f"{RESUME}: expected the folder of a run or of a sweep, or true with -m and {SWEEP_DIR}… of an "
                f"earlier sweep, got '{value}'"
            ]
        )
