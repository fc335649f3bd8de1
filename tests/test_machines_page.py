"""docs/how-to/machines.md is true: its settings are there, and its YAML can be read."""

import re
import shlex
from pathlib import Path

import pytest
import yaml

from mlp_exp.storage import lease

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "how-to" / "machines.md").read_text(encoding="utf-8")
LAUNCHERS = ROOT / "conf" / "hydra" / "launcher"
SECTIONS = dict(re.findall(r"^## (\w+)\n(.*?)(?=^## )", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("name", ["ray", "slurm"])
def test_the_settings(name: str) -> None:
    settings = set(yaml.safe_load((LAUNCHERS / f"{name}.yaml").read_text(encoding="utf-8")))
    named = {*re.findall(r"hydra\.launcher\.(\w+)=", SECTIONS[name.capitalize()])}
    assert len(named) > 1
    assert named <= settings


def test_the_yaml_of_kuberay() -> None:
    (text,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    job = yaml.safe_load(text)
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    words = shlex.split(job["spec"]["entrypoint"])
    assert words[:4] == ["python", "-m", "mlp_exp.run", "-m"]
    assert "hydra/launcher=ray" in words
    cluster = job["spec"]["rayClusterSpec"]
    head, worker = cluster["headGroupSpec"]["template"], cluster["workerGroupSpecs"][0]["template"]
    assert head == worker
    (container,) = head["spec"]["containers"]
    (mount,) = container["volumeMounts"]
    assert f"hydra.sweep.dir={mount['mountPath']}/first-sweep" in words


def test_the_times_of_the_lease() -> None:
    assert (lease.RENEW_SECONDS, lease.TAKE_AFTER, lease.WATCH_SECONDS) == (10, 120, 25)
    assert "renewed every ten seconds" in PAGE
    assert "renewed for two minutes" in PAGE
    assert "watching it for 25 seconds" in PAGE
