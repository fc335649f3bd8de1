"""Components are those that Hydra would build, also where it is not asked."""

from typing import Any

import pytest
from hydra.utils import instantiate
from support.compositions import Compose

from mlp_exp.experiment.building import factory_of
from mlp_exp.experiment.configs import plain_config, resolved
from mlp_exp.experiment.session import Session

WITHOUT_HYDRA = ("split", "preprocess", "model", "optimizer", "scheduler", "init", "early_stopping", "trainer")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The targets that Hydra was asked for."""
    found = []

    def noted(node: dict[str, Any], **options: Any) -> Any:
        found.append(node["_target_"])
        return instantiate(node, **options)

    monkeypatch.setattr("mlp_exp.experiment.building.instantiate", noted)
    return found


@pytest.mark.parametrize("group", WITHOUT_HYDRA)
def test_a_simple_component_is_hydras(compose: Compose, asked: list[str], group: str) -> None:
    node = resolved(plain_config(compose(["early_stopping=patience", "scheduler=cosine", "model.hidden_sizes=[4,3]"])))[
        group
    ]
    factory = factory_of(Session(), group, node)
    assert asked == []
    taken = {key: node[key] for key in ("_target_", *factory.make.keywords)}
    expected = instantiate(taken, _convert_="all", _partial_=True)
    assert factory.make.func is expected.func
    assert factory.make.keywords == expected.keywords


def test_a_component_has_lists_of_its_own(compose: Compose) -> None:
    node = plain_config(compose(["model.hidden_sizes=[4,3]"]))["model"]
    keywords = factory_of(Session(), "model", node).make.keywords
    assert keywords["hidden_sizes"] == [4, 3]
    assert keywords["hidden_sizes"] is not node["hidden_sizes"]


@pytest.mark.parametrize(
    ("group", "node"),
    [
        (
            "init",
            {
                "_target_": "mlp_exp.components.WeightInit",
                "weight": {"_target_": "torch.nn.init.zeros_", "_partial_": True},
            },
        ),
        ("model", {"_target_": "mlp_exp.components.MLP", "hidden_sizes": [4], "_convert_": "all"}),
        ("data", {"_target_": "collections.OrderedDict"}),
    ],
    ids=["what has to be built first", "settings of Hydra's", "what a stranger may not name"],
)
def test_hydra_builds_all_else(asked: list[str], group: str, node: dict[str, Any]) -> None:
    factory_of(Session(), group, node)
    assert asked == [node["_target_"]]
