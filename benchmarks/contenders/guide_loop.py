"""The loop of most tutorials: DataLoader, sigmoid with BCELoss, `loss.item()` in each step."""

import itertools
import time

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from work import Rows, Work


def network(work: Work) -> list[nn.Module]:
    """The layers up to the logit."""
    widths = (work.features, *work.hidden)
    hidden = [(nn.Linear(before, after), nn.ReLU()) for before, after in itertools.pairwise(widths)]
    return [*(module for pair in hidden for module in pair), nn.Linear(widths[-1], 1)]


def tensors(rows: Rows) -> TensorDataset:
    return TensorDataset(torch.from_numpy(rows.train_x), torch.from_numpy(rows.train_y).float().unsqueeze(1))


def accuracy(logits: torch.Tensor, rows: Rows) -> float:
    return float(((logits.squeeze(1) > 0).numpy() == rows.test_y).mean())


def train(work: Work, rows: Rows, seed: int, lr: float) -> dict[str, float]:
    torch.manual_seed(seed)
    layers = network(work)
    model = nn.Sequential(*layers, nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loader = DataLoader(tensors(rows), batch_size=work.batch, shuffle=True)
    start = time.perf_counter()
    for _ in range(work.epochs):
        running_loss = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * inputs.size(0)
    seconds = time.perf_counter() - start
    with torch.no_grad():
        logits = nn.Sequential(*layers)(torch.from_numpy(rows.test_x))
    return {"seconds": seconds, "accuracy": accuracy(logits, rows)}
