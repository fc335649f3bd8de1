"""Run folders of strangers: what loads one runs nothing that it holds, and calls nothing that is not on a list."""

import io
import os
import pickle
import resource
import shutil
import signal
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import pytest
import torch
from support.commands import CallMain, Result
from support.folders import files_in
from support.project import CONF

from mlp_exp.config.trust import check_config, check_plain, is_trusted
from mlp_exp.errors import RunFolderError, UntrustedError
from mlp_exp.storage.result import read_result
from mlp_exp.storage.tensor_file import read_tensors
from mlp_exp.storage.yaml_file import read_yaml

Change = Callable[[dict[str, Any]], object]
SMALL = ("trainer.device=cpu", "trainer.plots=never", "trainer.epochs=2", "data.n_samples=100")
COMMANDS = ("resume", "rerun", "report", "predict", "export")


# ---- what a configuration may name

TRUSTED = [
    "mlp_exp.components.circle",
    "mlp_exp.components.table",
    "mlp_exp.components.MLP",
    "mlp_exp.components.warmup_cosine",
    "mlp_exp.components.Huber",
    "torch.nn.Linear",
    "torch.nn.Sequential",
    "torch.optim.LBFGS",
    "torch.optim.lr_scheduler.CosineAnnealingLR",
    "torch.optim.lr_scheduler.LambdaLR",
    "torch.nn.init.kaiming_normal_",
    "sklearn.datasets.make_blobs",
    "sklearn.datasets.load_wine",
]
REFUSED: list[Any] = [
    "os.system",
    "posix.system",
    "subprocess.Popen",
    "builtins.eval",
    "builtins.getattr",
    "eval",
    "",
    ".",
    "hydra.utils.instantiate",
    "hydra._internal.instantiate._instantiate2.instantiate",
    "mlp_exp.storage.provenance.subprocess.run",
    "mlp_exp.storage.provenance.git_state",
    "mlp_exp.run.main",
    "mlp_exp.config.targets.locate",
    "mlp_exp.data.table.load.read_table",
    "mlp_exp.data.table.load.Path",
    "mlp_exp.data.sources.np.load",
    "mlp_exp.data.sources.__builtins__",
    "mlp_exp.model.mlp.MLP.__init__",
    "mlp_exp.model.mlp.nn.Linear",
    "mlp_exp.data.sources",
    "mlp_exp.data.sources.nothing",
    "mlp_exp.data.sources:circle",
    "mlp_exp..data.sources.circle",
    "torch.load",
    "torch.hub.load",
    "torch.nn.Module.__init__",
    "torch.nn.Module.register_module",
    "torch.nn.modules.module.torch.load",
    "torch.nn.modules.linear.Linear",
    "torch.nn.functional.relu",
    "torch.nn.init.torch.load",
    "torch.nn.init._no_grad_normal_",
    "torch.nn.init.__builtins__",
    "torch.nn.init.math.sqrt_",
    "torch.optim.lr_scheduler.partial",
    "torch.optim.lr_scheduler._LRScheduler",
    "torch.optim.Optimizer.load_state_dict",
    "torch.optim",
    "torch.utils.data.DataLoader",
    "sklearn.datasets.fetch_openml",
    "sklearn.datasets.load_files",
    "sklearn.datasets.load_svmlight_file",
    "sklearn.datasets.load_wine.__globals__",
    "sklearn.datasets.make_blobs\n",
    "sklearn.datasets.os.system",
    "joblib.load",
    "numpy.load",
    " torch.nn.Linear",
    "torch.nn.Linear ",
    ["torch.nn.Linear"],
    {"_target_": "torch.nn.Linear"},
    7,
    None,
    True,
]


def test_what_is_trusted() -> None:
    assert [path for path in TRUSTED if not is_trusted(path)] == []
    assert [path for path in REFUSED if is_trusted(path)] == []


def targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from [node["_target_"]] if "_target_" in node else []
        node = list(node.values())
    for each in node if isinstance(node, list) else []:
        yield from targets(each)


def test_every_component_that_comes_with_the_project_is_trusted() -> None:
    found = {
        target for path in CONF.rglob("*.yaml") if "hydra" not in path.parts for target in targets(read_yaml(path))
    }
    assert len(found) > 30
    assert [target for target in found if not is_trusted(target)] == []


@pytest.mark.parametrize(
    ("allow", "path", "trusted"),
    [
        (("mine",), "mine.Net", True),
        (("mine",), "mine.nets.Net", True),
        (("mine.nets",), "mine.nets.Net", True),
        (("other", "mine"), "mine.Net", True),
        (("mine.nets",), "mine.Net", False),
        (("mine",), "mine", False),
        (("mine",), "mines.Net", False),
        (("min",), "mine.Net", False),
        (("mine",), "os.system", False),
        ((), "mine.Net", False),
    ],
)
def test_a_package_is_allowed_by_its_whole_name(allow: tuple[str, ...], path: str, trusted: bool) -> None:
    assert is_trusted(path, allow) == trusted


IMPORTED = "from pathlib import Path\n\nPath('canary').touch()\n\n\nclass Net:\n    pass\n"


def test_what_is_not_trusted_is_not_even_imported(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "hostile").mkdir()
    (tmp_path / "hostile" / "__init__.py").write_text(IMPORTED, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    for path in ("hostile.Net", "hostile", "mlp_exp.hostile.Net", "torch.nn.hostile.Net"):
        with pytest.raises(UntrustedError):
            check_config({"model": {"_target_": path}}, (), "run")
    assert "hostile" not in sys.modules
    assert not Path("canary").exists()


# ---- folders


def too_long(number: int, frame: FrameType | None) -> NoReturn:
    pytest.fail("a command waits without end")


@pytest.fixture(autouse=True)
def in_time() -> Iterator[None]:
    """A command that waits for what never comes is a failure."""
    before = signal.signal(signal.SIGALRM, too_long)
    signal.alarm(15)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shelf")


@pytest.fixture
def run(call_main: CallMain, shelf: Path, tmp_path: Path) -> Path:
    """The folder of a job that has finished, made once; and a table for its predictions."""
    if not (shelf / "0").exists():
        assert call_main("-m", *SMALL, "model.hidden_sizes=[4]", "seed=0", "hydra.sweep.dir=made").returncode == 0
        shutil.move(tmp_path / "made" / "0", shelf / "0")
    (tmp_path / "table.csv").write_text("x1,x2\n1,2\n", encoding="utf-8")
    return Path(shutil.copytree(shelf / "0", tmp_path / "sweep" / "0"))


@pytest.fixture
def said(call_main: CallMain, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[int, str]]:
    """How a command ends that loads a folder, and what it says on standard error."""

    def say(command: str, folder: Path, *args: str) -> tuple[int, str]:
        if command in ("resume", "rerun"):
            done = call_main(f"{command}={folder}", *args)
            return done.returncode, done.stderr.removesuffix("\n")
        from mlp_exp import export, predict, report  # noqa: F401

        more = {
            "report": [],
            "predict": [str(tmp_path / "table.csv"), "-o", str(tmp_path / "out.csv")],
            "export": ["-o", str(tmp_path / "out.pt2")],
        }
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "path", list(sys.path))
        try:
            sys.modules[f"mlp_exp.{command}"].main([str(folder), *more[command], *args])
        except SystemExit as end:
            return 1, str(end.code)
        return 0, ""

    return say


def spoil(folder: Path, change: Change) -> None:
    """Changes the configuration in both files that hold one."""
    for name in ("model.pt", "checkpoint.pt"):
        saved = torch.load(folder / name, weights_only=True)
        change(saved)
        torch.save(saved, folder / name)


SHELL = {"_target_": "os.system", "command": "touch canary"}


def is_refused(key: str, value: object) -> str:
    package = str(value).partition(".")[0]
    return (
        f"{key} is {value!r}; a saved run may only build components of mlp_exp, torch's networks, optimizers and "
        "schedulers, and scikit-learn's data sets. If you know and trust that package: "
        f"--allow {package}"
    )


def may_not_refer(key: str, value: str) -> str:
    return (
        f"{key} is {value!r}; a saved configuration may refer to a single value of its own, as ${{trainer.epochs}}, "
        "and to nothing outside it"
    )


def nested(levels: int) -> list[Any]:
    node: list[Any] = []
    for _ in range(levels):
        node = [node]
    return node


def put(*place: str | int, value: Any) -> Change:
    """Puts a value into the configuration."""

    def change(saved: dict[str, Any]) -> None:
        node: Any = saved["config"]
        for key in place[:-1]:
            node = node[key]
        node[place[-1]] = value

    return change


FOREIGN = "expected the configuration of a run; it has no key "
CONFIGS: dict[str, tuple[Change, str]] = {
    "a shell call": (put("model", value=SHELL), is_refused("model._target_", "os.system")),
    "a shell call as data": (put("data", "_target_", value="os.system"), is_refused("data._target_", "os.system")),
    "a shell call on top": (put("_target_", value="os.system"), f"{FOREIGN}'_target_'"),
    "in a list": (
        put("model", "hidden_sizes", value=[4, SHELL]),
        is_refused("model.hidden_sizes.1._target_", "os.system"),
    ),
    "in a trusted target": (
        put("init", value={"_target_": "mlp_exp.components.WeightInit", "weight": SHELL}),
        is_refused("init.weight._target_", "os.system"),
    ),
    "in arguments": (
        put("optimizer", "_args_", value=[[SHELL]]),
        is_refused("optimizer._args_.0.0._target_", "os.system"),
    ),
    "of a list": (put("model", "_target_", value=["os.system"]), is_refused("model._target_", ["os.system"])),
    "of a mapping": (put("model", "_target_", value=SHELL), is_refused("model._target_", SHELL)),
    "of a number": (put("model", "_target_", value=7), is_refused("model._target_", 7)),
    "by reference": (put("model", "_target_", value="${seed}"), is_refused("model._target_", "${seed}")),
    "inside this project": (
        put("data", "_target_", value="mlp_exp.storage.provenance.subprocess.run"),
        is_refused("data._target_", "mlp_exp.storage.provenance.subprocess.run"),
    ),
    "settings of Hydra": (
        put("hydra", value={"job_logging": {"handlers": {"h": {"()": "os.system", "command": "touch canary"}}}}),
        f"{FOREIGN}'hydra'",
    ),
    "callbacks of Hydra": (put("hydra", value={"callbacks": {"mine": SHELL}}), f"{FOREIGN}'hydra'"),
    "defaults": (put("defaults", value=[{"override hydra/job_logging": "x"}]), f"{FOREIGN}'defaults'"),
    **{
        text: (put("model", "dropout", value=text), may_not_refer("model.dropout", text))
        for text in (
            "${oc.env:HOME}",
            "${oc.decode:${oc.env:HOME}}",
            "${oc.create:{a:1}}",
            "${now:%Y}",
            "${hydra:runtime.cwd}",
            "${.activation}",
            "${seed}${seed}",
            "a ${seed}",
            "${ seed }",
            "\\${seed}",
            "${data}",
            "${nothing}",
            "${model.dropout}",
        )
    },
    "references that grow": (
        lambda saved: saved["config"].update(
            model={f"k{i}": {"x": f"${{model.k{i + 1}}}", "y": f"${{model.k{i + 1}}}"} for i in range(60)}
        ),
        may_not_refer("model.k0.x", "${model.k1}"),
    ),
    "texts that grow": (
        lambda saved: saved["config"].update(model={"a": "x" * 99, "b": "${model.a}", "c": "${model.b}"}),
        may_not_refer("model.c", "${model.b}"),
    ),
    "deep": (
        put("model", "hidden_sizes", value=nested(40)),
        "holds more than {size} values or more than 20 levels when it is written out",
    ),
    "a tensor": (put("seed", value=torch.zeros(1)), "expected numbers and texts, found a Tensor"),
    "a list": (lambda saved: saved.update(config=[1]), "expected a configuration with keys, got list"),
    "a text": (lambda saved: saved.update(config="x"), "expected a configuration with keys, got str"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_a_hostile_configuration(said: Callable[..., tuple[int, str]], run: Path, tmp_path: Path, name: str) -> None:
    change, message = CONFIGS[name]
    spoil(run, change)
    before = files_in(tmp_path)
    for command in COMMANDS:
        file = run / ("checkpoint.pt" if command in ("resume", "rerun") else "model.pt")
        status, words = said(command, run)
        place, _, rest = words.partition(": ")
        assert (status, place in (str(run), str(file))) == (1, True), (command, words)
        assert rest == message.replace("{size}", str(file.stat().st_size))
    assert files_in(tmp_path) == before


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
UNSAFE = DAMAGED + "it holds something else than tensors, numbers and texts"
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
        "expected texts and whole numbers as keys, got other ones",
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
        "expected the result of a run; status: Input should be 'finished', 'stopped_early', 'diverged', 'failed' or "
        "'interrupted'",
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


def test_an_absurd_sweep_is_not_gone_on_with(tmp_path: Path, fork_cli: Callable[..., Result]) -> None:
    """Hydra looks at its own settings before anything of this project does."""
    (tmp_path / "sweep").mkdir()
    path = tmp_path / "sweep" / "multirun.yaml"
    for text in (CALL, grows("hydra: {overrides: {task: *a8}}"), "[1]\n"):
        path.write_text(text, encoding="utf-8")
        done = fork_cli("-m", *SMALL, "seed=0", "hydra.sweep.dir=sweep", "resume=true", timeout=20)
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


# ---- a package of the user's own

OWN = """
from pathlib import Path

from torch import nn

from mlp_exp.data.sources import circle

Path("imported").touch()


class Net(nn.Linear):
    pass


def points():
    return circle(n_samples=100)
"""
"""It says when it is imported."""


@pytest.fixture
def own(call_main: CallMain, shelf: Path, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "trusted_parts.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "table.csv").write_text("x1,x2\n1,2\n", encoding="utf-8")
    words = ("model=linear", "model._target_=trusted_parts.Net", "data._target_=trusted_parts.points")
    if not (shelf / "own").exists():
        args = [word for word in SMALL if not word.startswith("data.")]
        assert call_main(*args, *words, "hydra.run.dir=made").returncode == 0
        shutil.move(tmp_path / "made", shelf / "own")
        (tmp_path / "imported").unlink()
    sys.modules.pop("trusted_parts", None)
    yield Path(shutil.copytree(shelf / "own", tmp_path / "run"))
    sys.modules.pop("trusted_parts", None)


@pytest.mark.parametrize("command", COMMANDS)
def test_a_users_own_package(said: Callable[..., tuple[int, str]], own: Path, tmp_path: Path, command: str) -> None:
    for allowed in ([], ["--allow", "trusted"], ["--allow", "other", "--allow", "trusted_parts.nets"]):
        status, words = said(command, own, *allowed)
        assert (status, words.partition(": ")[2]) == (1, is_refused("model._target_", "trusted_parts.Net"))
    assert "trusted_parts" not in sys.modules
    assert not (tmp_path / "imported").exists()
    if command == "resume":  # else nothing is left to train
        (own / "result.json").unlink()
    assert said(command, own, "--allow", "other", "--allow", "trusted_parts") == (0, "")
    assert (tmp_path / "imported").exists()
