"""Optuna with a plain loop in PyTorch, and its median pruner: `python -m contenders.search_with_torch FOLDER SEED`.

The loop takes its batches by index, which is twice as fast as PyTorch's DataLoader.
"""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from contenders.search_space import Config, Search

ACTIVATIONS = {"relu": nn.ReLU, "silu": nn.SiLU}
OPTIMIZERS = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}


def network(search: Search, config: Config) -> nn.Sequential:
    widths = (search.data["train_x"].shape[1], *config["model.hidden_sizes"])
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(widths):
        layers += [nn.Linear(before, after), ACTIVATIONS[config["model.activation"]]()]
        layers.append(nn.Dropout(config["model.dropout"]))
    return nn.Sequential(*layers, nn.Linear(widths[-1], search.outputs))


def loss_of(search: Search, outputs: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    if search.classes > 2:
        return functional.cross_entropy(outputs, target)
    if search.classes:
        return functional.binary_cross_entropy_with_logits(outputs.squeeze(1), target.float())
    return functional.mse_loss(outputs.squeeze(1), target)


def train(search: Search, config: Config, report: Callable[[int, float], None]) -> float:
    """The best loss of the validation part; each epoch's is reported, which may end the training."""
    torch.manual_seed(search.seed)
    data = {name: torch.from_numpy(array) for name, array in search.data.items()}
    model = network(search, config)
    decay = config["optimizer.weight_decay"]
    options = {} if decay is None else {"weight_decay": decay}
    optimizer = OPTIMIZERS[config["optimizer"]](model.parameters(), lr=config["optimizer.lr"], **options)
    epochs, best = config["trainer.epochs"], float("inf")
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs)
    for epoch in range(1, epochs + 1):
        model.train()
        for rows in torch.randperm(len(data["train_x"])).split(config["trainer.batch_size"]):
            optimizer.zero_grad()
            loss_of(search, model(data["train_x"][rows]), data["train_y"][rows]).backward()
            optimizer.step()
        if config["scheduler"] == "cosine":
            scheduler.step()
        model.eval()
        with torch.no_grad():
            value = float(loss_of(search, model(data["val_x"]), data["val_y"]))
        best = min(best, value)
        report(epoch, value)
    return best


def main() -> None:
    import optuna

    torch.set_num_threads(1)
    search = Search.of_command()

    def objective(trial: Any, config: Config) -> float:
        def report(epoch: int, value: float) -> None:
            trial.report(value, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned

        return train(search, config, report)

    search.run_with_optuna(objective, pruner=optuna.pruners.MedianPruner())


if __name__ == "__main__":
    main()
