"""Run folders of strangers: files that are none, links, and what is beside them."""

import io
import os
import pickle
import resource
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from support.commands import Command
from support.folders import files_in
from support.strangers import COMMANDS, SMALL, Change, put, spoil

from mlp_exp.config.trust import check_plain
from mlp_exp.errors import RunFolderError, UntrustedError
from mlp_exp.storage.result import read_result
from mlp_exp.storage.tensor_file import read_tensors
from mlp_exp.storage.yaml_file import read_yaml

pytestmark = pytest.mark.usefixtures("in_time")

# ---- files that are none


class Shell:
    """Unpickling it runs a command."""

    def __reduce__(self) -> tuple[Any, ...]:
        return os.system, ("touch canary",)


def as_pickle(path: Path) -> None:
    path.write_bytes(pickle.dumps(Shell()))


def as_tensors(content: Any) -> Callable[[Path], None]:
    """A file as torch writes it, of this content."""
    return lambda path: torch.save(content, path)


def compressed(path: Path) -> None:
    """A thousand times as large when it is unpacked."""
    whole = io.BytesIO()
    torch.save({"config": {}, "state_dict": {"w": torch.zeros(1_000_000)}}, whole)
    with zipfile.ZipFile(whole) as source, zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for part in source.infolist():
            target.writestr(part.filename, source.read(part))
    assert path.stat().st_size < 10_000


def with_model(change: Change) -> Callable[[Path], None]:
    """The file as it was, but for its content."""

    def write(path: Path) -> None:
        saved = torch.load(path, weights_only=True)
        change(saved)
        torch.save(saved, path)

    return write


def shared() -> list[Any]:
    """A list of 10^9 values, by naming ten lists ten times each, and so on."""
    node: list[Any] = [0] * 10
    for _ in range(8):
        node = [node] * 10
    return node


def endless() -> list[Any]:
    node: list[Any] = []
    node.append(node)
    return node


def legacy(path: Path) -> None:
    """As torch wrote files before 2020."""
    torch.save({"config": {}, "state_dict": {}}, path, _use_new_zipfile_serialization=False)


def fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


TOO_LARGE = "holds more than {size} values or more than 20 levels when it is written out"
DAMAGED = "expected {what}, found a damaged or foreign file: "
ARCHIVE = DAMAGED + "it is no archive of tensors"
UNSAFE = DAMAGED + "it has values other than tensors, numbers and texts"
NO_FILE = "there is no such file; expected {what}"
A_TENSOR = "expected numbers and texts, found a Tensor"
FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pickle of a shell call": (as_pickle, ARCHIVE),
    "a shell call in an archive": (as_tensors({"config": Shell(), "state_dict": Shell()}), UNSAFE),
    "a class": (as_tensors({"config": {}, "state_dict": torch.nn.Linear(1, 1)}), UNSAFE),
    "an old format": (legacy, ARCHIVE),
    "a compressed archive": (compressed, DAMAGED + "its parts are compressed"),
    "lists that grow": (as_tensors({"config": {}, "state_dict": {}, "format": 1, "x": shared()}), TOO_LARGE),
    "a list in itself": (as_tensors({"config": {}, "state_dict": {}, "format": 1, "x": endless()}), TOO_LARGE),
    "one number as a matrix": (
        with_model(lambda saved: saved.update(x=torch.zeros(1).expand(10**6, 10**6))),
        A_TENSOR,
    ),
    "a sparse tensor": (
        with_model(lambda saved: saved.update(x=torch.sparse_coo_tensor(torch.zeros(1, 1).long(), [1.0], (10**12,)))),
        A_TENSOR,
    ),
    "a tensor without numbers": (
        with_model(lambda saved: saved.update(x=torch.empty(10**12, device="meta"))),
        A_TENSOR,
    ),
    "a set": (with_model(lambda saved: saved.update(x={1})), "expected numbers and texts, found a set"),
    "pairs as keys": (
        with_model(lambda saved: saved.update(x={(1, 2): 3})),
        "expected texts and numbers as keys, got other ones",
    ),
    "a list": (as_tensors([1]), "expected {what}, found a list"),
    "a folder": (folder, NO_FILE),
}  # fmt: skip
WHAT = {"checkpoint.pt": "a checkpoint of a run", "model.pt": "a model of this project"}


@pytest.mark.filterwarnings("ignore:Sparse")
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_plain_archive(
    said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path, name: str
) -> None:
    make, message = FILES[name]
    for file in WHAT:
        make(run / file)
    before = files_in(tmp_path)
    for command in COMMANDS:
        file = "checkpoint.pt" if command in ("resume", "rerun") else "model.pt"
        size = (run / file).stat().st_size
        status, words = said(command, run)
        expected = message.replace("{size}", str(size)).replace("{what}", WHAT[file])
        assert (status, words.startswith(f"{run / file}: {expected}")) == (1, True), (command, words)
        assert words.count("\n") == 0
    assert files_in(tmp_path) == before


def test_a_file_of_absurd_shapes_takes_no_memory(run: Path) -> None:
    """In a process of its own that may take little more than it has."""
    torch.save(
        {"config": {}, "state_dict": {"x": torch.zeros(1).expand(10**6, 10**6)}, "y": shared()}, run / "model.pt"
    )
    process = os.fork()
    if not process:
        status = 1
        try:
            taken = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (taken + 2**26, taken + 2**26))
            read_tensors(run / "model.pt", "a model")
        except UntrustedError:
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0


@pytest.mark.parametrize(("most", "fits"), [(4, True), (3, False)])
def test_values_are_counted_as_often_as_they_are_named(most: int, fits: bool) -> None:
    one = [1]
    if fits:
        check_plain([one, one], "run", most)
    else:
        with pytest.raises(UntrustedError, match=r"^run: holds more than 3 values"):
            check_plain([one, one], "run", most)


@pytest.mark.parametrize(("sizes", "count"), [([10**9], "4000000001"), ([30_000, 30_000], "900150001")])
def test_a_network_that_the_file_does_not_hold(
    said: Callable[..., tuple[int, str]], run: Path, sizes: list[int], count: str
) -> None:
    """It would take gigabytes."""
    spoil(run, put("model", "hidden_sizes", value=sizes))
    message = f"its configuration is that of a network with {count} parameters, which it does not hold"
    assert said("report", run) == (1, f"{run / 'model.pt'}: {message}")
    (run / "result.json").unlink()  # else nothing is left to train
    assert said("resume", run) == (1, f"{run / 'checkpoint.pt'}: {message}")
    message = f"expected a model of this project: model.hidden_sizes is {sizes[0]}, and the file holds 17 weights"
    for command in ("predict", "export"):
        assert said(command, run) == (1, f"{run / 'model.pt'}: {message}")


# ---- links


@pytest.mark.parametrize(
    "name", ["run.log", "plots", "model.pt", "checkpoint.pt", ".hydra/config.yaml", "history.csv", "new/a"]
)
def test_a_link_that_leads_out(said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path, name: str) -> None:
    outside = tmp_path / "outside"
    outside.write_text("mine", encoding="utf-8")
    link = run / name
    link.parent.mkdir(exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to("../../outside" if name == "run.log" else outside)
    before = files_in(tmp_path)
    for command in COMMANDS:
        assert said(command, run) == (1, f"{link}: is a link that leads out of the run's folder; remove it")
    assert outside.read_text(encoding="utf-8") == "mine"
    assert files_in(tmp_path) == before


def test_links_within_and_a_link_to_the_folder_are_followed(
    said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path
) -> None:
    shutil.move(run / "model.pt", run / "weights.pt")
    (run / "model.pt").symlink_to("weights.pt")
    (tmp_path / "link").symlink_to(run)
    assert said("predict", tmp_path / "link") == (0, "")


# ---- what is beside them


RESULTS: dict[str, tuple[str, str]] = {
    "deep": ("[" * 100_000, "expected a result in JSON: maximum recursion depth exceeded"),
    "a list": ("[]", "expected the result of a run; all of it: Input should be a valid dictionary"),
    "a status of lists": (
        '{"status": ["finished"], "metrics": {}}',
        "expected the result of a run; status: Input should be 'finished', 'stopped_early', 'diverged', 'failed', "
        "'interrupted' or 'pruned'",
    ),
    "numbers as texts": (
        '{"status": "finished", "metrics": {"val": {"log_loss": "1.0"}}}',
        "expected the result of a run; metrics.val.log_loss: Input should be a valid number",
    ),
    "epochs as a text": (
        '{"status": "finished", "metrics": {}, "epochs": "4"}',
        "expected the result of a run; epochs: Input should be a valid integer",
    ),
    "metrics of lists": (
        '{"status": "finished", "metrics": {"val": [1]}}',
        "expected the result of a run; metrics.val: Input should be a valid dictionary",
    ),
    "not a number": (
        '{"status": "finished", "metrics": {"val": {"log_loss": NaN}}}',
        "expected the result of a run; metrics.val.log_loss: Input should be a finite number",
    ),
    "a reason that is none": (
        '{"status": "failed", "metrics": {}, "reason": {"a": 1}}',
        "expected the result of a run; reason: Input should be a valid string",
    ),
    "many digits": (
        f'{{"status": "finished", "epochs": {"1" * 5000}}}',
        "expected a result in JSON: Exceeds the limit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", RESULTS)
def test_an_absurd_result(said: Callable[..., tuple[int, str]], run: Path, name: str) -> None:
    text, message = RESULTS[name]
    path = run / "result.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RunFolderError) as caught:
        read_result(path)
    assert str(caught.value).startswith(f"{path}: {message}")
    for command, place in (("report", run), ("report", run.parent), ("predict", run.parent)):
        assert said(command, place) == (1, str(caught.value))


def grows(last: str) -> str:
    """YAML of 10^9 values by names for values."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    return "\n".join([*lines, last])


def doubles(last: str) -> str:
    """YAML that doubles with each line."""
    lines = ["a0: &a0 {x: 1}"] + [f"a{i}: &a{i} {{<<: [*a{i - 1}, *a{i - 1}]}}" for i in range(1, 60)]
    return "\n".join([*lines, last])


CALL = "!!python/object/apply:os.system ['touch canary']\n"
YAML = "expected YAML as Hydra writes it: "
BESIDE: dict[str, tuple[str, str, str]] = {
    "overrides that call": ("overrides.yaml", CALL, YAML + "could not determine a constructor for the tag"),
    "settings that call": ("hydra.yaml", CALL, YAML + "could not determine a constructor for the tag"),
    "overrides that grow": ("overrides.yaml", grows("- *a8"), YAML),
    "a mapping of overrides that grow": ("overrides.yaml", grows(""), "expected a list of overrides"),
    "overrides of lists that grow": (
        "overrides.yaml",
        "- &a [x]\n- &b [*a, *a]\n- [*b, *b]\n",
        "expected a list of overrides",
    ),
    "overrides of numbers": ("overrides.yaml", "- 1\n", "expected a list of overrides"),
    "one text": ("overrides.yaml", "seed=1\n", "expected a list of overrides"),
    "doubling": ("overrides.yaml", doubles("z: *a59"), YAML + "merge keys are not read"),
    "settings that are a list": ("hydra.yaml", "[1]\n", "expected Hydra's settings with hydra.job.num"),
    "settings of nothing": ("hydra.yaml", "", "expected Hydra's settings with hydra.job.num"),
    "no number": ("hydra.yaml", "hydra: {job: {name: run}}\n", "expected Hydra's settings with hydra.job.num"),
    "many digits": ("hydra.yaml", f"hydra: {{job: {{num: {'1' * 5000}}}}}\n", YAML + "Exceeds the limit"),
    "deep": ("overrides.yaml", "[" * 3000, YAML),
}  # fmt: skip


@pytest.mark.parametrize("name", BESIDE)
def test_absurd_settings_of_a_job(said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path, name: str) -> None:
    file, text, message = BESIDE[name]
    path = run / ".hydra" / file
    path.write_text(text, encoding="utf-8")
    for command in ("report", "predict"):
        status, words = said(command, run.parent)
        assert (status, words.startswith(f"{path}: {message}")) == (1, True), words
    assert not (tmp_path / "canary").exists()
    assert not (run.parent / "leaderboard.csv").exists()


def test_settings_that_grow_are_not_written_out(said: Callable[..., tuple[int, str]], run: Path) -> None:
    """What is not asked for is not looked at."""
    (run / ".hydra/hydra.yaml").write_text(grows("hydra: {job: {num: 0}, x: *a8}"), encoding="utf-8")
    assert read_yaml(run / ".hydra/hydra.yaml")["hydra"]["job"] == {"num": 0}
    assert said("report", run.parent) == (0, "")


def test_what_hydra_has_saved_is_not_followed(said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path) -> None:
    """The configuration is that of the checkpoint and the model; that for people to read is theirs."""
    for file in ("config.yaml", "hydra.yaml", "overrides.yaml"):
        (run / ".hydra" / file).write_text(CALL + grows(""), encoding="utf-8")
    for command in ("resume", "rerun", "predict"):
        assert said(command, run) == (0, "")
    assert not (tmp_path / "canary").exists()


def test_an_absurd_sweep_is_not_gone_on_with(tmp_path: Path, command: Command) -> None:
    """Hydra looks at its own settings before anything of this project does."""
    (tmp_path / "sweep").mkdir()
    path = tmp_path / "sweep" / "multirun.yaml"
    for text in (CALL, grows("hydra: {overrides: {task: *a8}}"), "[1]\n"):
        path.write_text(text, encoding="utf-8")
        done = command("run", "-m", *SMALL, "seed=0", "hydra.sweep.dir=sweep", "resume=true", timeout=20, fork=True)
        assert (done.returncode, done.stdout) == (1, "")
        assert done.stderr.startswith(f"{path}: expected the settings of a sweep, as Hydra writes them: ")
        assert done.stderr.count("Traceback") == 0
    assert files_in(tmp_path) == {"sweep/multirun.yaml"}


@pytest.mark.parametrize(
    "name",
    [
        "model.pt",
        "checkpoint.pt",
        "result.json",
        "history.csv",
        "run.log",
        ".hydra/hydra.yaml",
        ".hydra/overrides.yaml",
    ],
)
def test_a_pipe_is_not_waited_for(said: Callable[..., tuple[int, str]], run: Path, name: str) -> None:
    """Where nobody writes."""
    fifo(run / name)
    for command in ("report", "predict"):
        for place in (run, run.parent):
            status, words = said(command, place)
            assert (status, words.count("\n")) in ((0, 0), (1, 0))
