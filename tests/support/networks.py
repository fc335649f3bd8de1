"""Networks of a user's own, of torch's layers."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from mlp_exp.data.dataset import TaskName
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.training.loop import Trainee
from support.members import Embeddings, make_member

FEATURES = 5
Make = Callable[[int, int], nn.Module]


class Residual(nn.Module):
    def __init__(self, in_features: int, out_features: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.first = nn.Linear(in_features, 8)
        self.block = nn.Sequential(nn.LayerNorm(8), nn.Linear(8, 8), nn.GELU(), nn.Dropout(dropout))
        self.head = nn.Linear(8, out_features)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        logits: Tensor = self.head(x + self.block(x))
        return logits


class Convolution(nn.Module):
    """Over the features."""

    def __init__(self, in_features: int, out_features: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv1d(1, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm1d(4)
        self.dropout = nn.Dropout1d(dropout)
        self.head = nn.Linear(4 * in_features, out_features)

    def forward(self, x: Tensor) -> Tensor:
        hidden = functional.relu(self.norm(self.conv(x.unsqueeze(1))))
        logits: Tensor = self.head(self.dropout(hidden).flatten(1))
        return logits


class Tied(nn.Module):
    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.first, self.one, self.other = nn.Linear(in_features, 6), nn.Linear(6, 6), nn.Linear(6, 6)
        self.other.weight = self.one.weight
        self.head = nn.Linear(6, out_features)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(torch.tanh(self.other(torch.tanh(self.one(self.first(x))))))
        return logits


class OftenDropped(nn.Module):
    """Calls one dropout layer twice."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.first, self.head, self.dropout = nn.Linear(in_features, 8), nn.Linear(8, out_features), nn.Dropout(0.4)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.dropout(torch.relu(self.first(self.dropout(x)))))
        return logits


def frozen(in_features: int, out_features: int) -> nn.Module:
    module = nn.Sequential(nn.Linear(in_features, 8), nn.Tanh(), nn.Linear(8, out_features))
    module[0].requires_grad_(False)
    return module


PLAIN: dict[str, Make] = {
    "linear-relu": lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.ReLU(), nn.Linear(8, o)),
    "layer-norm-gelu": lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.LayerNorm(8), nn.GELU(), nn.Linear(8, o)),
    "batch-norm": lambda i, o: nn.Sequential(
        nn.Linear(i, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, o)
    ),
    "group-norm-prelu": lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.GroupNorm(2, 8), nn.PReLU(), nn.Linear(8, o)),
    "residual": Residual,
    "convolution": Convolution,
    "tied": Tied,
    "frozen": frozen,
    "no-bias": lambda i, o: nn.Sequential(nn.Linear(i, 8, bias=False), nn.GLU(), nn.Linear(4, o, bias=False)),
}
"""That draw nothing."""
DROPPED: dict[str, Make] = {
    "batch-norm-dropout": lambda i, o: nn.Sequential(
        nn.Linear(i, 8, bias=False), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.3), nn.Linear(8, o)
    ),
    "channels": lambda i, o: Convolution(i, o, 0.25),
    "alpha": lambda i, o: nn.Sequential(nn.Linear(i, 8), nn.SELU(), nn.AlphaDropout(0.2), nn.Linear(8, o)),
    "residual-dropout": lambda i, o: Residual(i, o, 0.5),
    "often": OftenDropped,
    "dropout-first": lambda i, o: nn.Sequential(nn.Dropout(0.2), nn.Linear(i, o)),
}


def member_of(make: Make, task: TaskName = "binary", seed: int = 0, *, functional: bool = True, **how: Any) -> Trainee:
    """A member of a user's own network, whose first weights come from the seed."""
    outputs = {"binary": 1, "multiclass": 3, "regression": 1}[task]
    embeddings: Embeddings | None = how.get("embeddings")
    wider = embeddings.columns * (embeddings.width - 1) if embeddings else 0
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = make(FEATURES + wider, outputs)
        if embeddings:
            module = EmbeddedNetwork(module, **embeddings._asdict())
    member = make_member(task, seed, module=module, **{"train_rows": 47, "val_rows": 20, **how})
    member.functional = functional
    return member
