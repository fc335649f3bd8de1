"""Run folders of strangers: what loads one runs nothing that it holds, and calls nothing that is not on a list."""

import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from support.commands import Command
from support.folders import files_in
from support.project import CONF
from support.strangers import (
    COMMANDS,
    FOREIGN,
    SHELL,
    SMALL,
    Change,
    is_no_component,
    is_refused,
    may_not_refer,
    nested,
    put,
    spoil,
)

from mlp_exp.config.trust import check_config, is_trusted
from mlp_exp.errors import UntrustedError
from mlp_exp.storage.yaml_file import read_yaml

pytestmark = pytest.mark.usefixtures("in_time")

# ---- what a configuration may name


TRUSTED = [
    "mlp_exp.components.circle",
    "mlp_exp.components.table",
    "mlp_exp.components.MLP",
    "mlp_exp.components.warmup_cosine",
    "mlp_exp.components.Huber",
    "torch.nn.Linear",
    "torch.nn.Sequential",
    "torch.nn.functional.smooth_l1_loss",
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
    "torch.nn.functional.kl_div",
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


@pytest.mark.parametrize("path", ["mlp_exp.components.Mlp", "mlp_exp.model.later.MLP", "mlp_exp.run.main"])
def test_a_name_of_ours_that_is_no_component_is_not_to_be_allowed(path: str) -> None:
    """It is no package of the user's: to allow all of this one would be bad advice, and would not make it exist."""
    with pytest.raises(UntrustedError) as caught:
        check_config({"model": {"_target_": path}}, [], "model.pt")
    assert str(caught.value) == f"model.pt: {is_no_component('model._target_', path)}"


@pytest.mark.parametrize(
    "config",
    [
        {"metrics": {"_target_": "mlp_exp.components.Metrics", "extra": ["f1", {"_target_": "my_package.profit"}]}},
        {"metrics": {"_target_": "my_package.Metrics"}},
    ],
)
def test_metrics_are_trusted_by_those_who_do_not_build_them(config: dict[str, Any]) -> None:
    check_config(config, [], "model.pt", trains=False)
    check_config(config, ["my_package"], "model.pt")
    with pytest.raises(UntrustedError, match=r"metrics\.(extra\.1\.)?_target_ is .* --allow my_package"):
        check_config(config, [], "model.pt")
    with pytest.raises(UntrustedError, match="model"):
        check_config({**config, "model": {"_target_": "my_package.Net"}}, [], "model.pt", trains=False)
    with pytest.raises(UntrustedError, match="may refer to a single value"):
        check_config({"metrics": {"extra": ["${oc.env:HOME}"]}}, [], "model.pt", trains=False)


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
        is_no_component("data._target_", "mlp_exp.storage.provenance.subprocess.run"),
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
def own(command: Command, shelf: Path, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "trusted_parts.py").write_text(OWN, encoding="utf-8")
    (tmp_path / "table.csv").write_text("x1,x2\n1,2\n", encoding="utf-8")
    words = ("model=linear", "model._target_=trusted_parts.Net", "data._target_=trusted_parts.points")
    if not (shelf / "own").exists():
        args = [word for word in SMALL if not word.startswith("data.")]
        assert command("run", *args, *words, "hydra.run.dir=made").returncode == 0
        shutil.move(tmp_path / "made", shelf / "own")
        (tmp_path / "imported").unlink()
    sys.modules.pop("trusted_parts", None)
    yield Path(shutil.copytree(shelf / "own", tmp_path / "run"))
    sys.modules.pop("trusted_parts", None)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_users_own_package(said: Callable[..., tuple[int, str]], own: Path, tmp_path: Path, name: str) -> None:
    for allowed in ([], ["--allow", "trusted"], ["--allow", "other", "--allow", "trusted_parts.nets"]):
        status, words = said(name, own, *allowed)
        assert (status, words.partition(": ")[2]) == (1, is_refused("model._target_", "trusted_parts.Net"))
    assert "trusted_parts" not in sys.modules
    assert not (tmp_path / "imported").exists()
    if name == "resume":  # else nothing is left to train
        (own / "result.json").unlink()
    assert said(name, own, "--allow", "other", "--allow", "trusted_parts") == (0, "")
    assert (tmp_path / "imported").exists()
