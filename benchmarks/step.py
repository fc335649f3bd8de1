"""Time of a training step of one run, as a ratio to the classic loop: `python benchmarks/step.py`.

The same network (2-64-32-1, dropout 0.2), data (800 rows), batch (32), optimizer (Adam) and thread count (one) for
each: the classic loop (DataLoader with TensorDataset, BCELoss, `loss.item()` each step), scikit-learn's MLPClassifier
(which has no dropout), and this framework's loop with one member and with 128. An epoch's shuffling, dropout noise
and history are part of the time, and the contenders alternate; the median of the rounds is shown.
"""

import statistics
import time
import warnings
from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from members import make_members
from sklearn.neural_network import MLPClassifier
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from mlp_exp.data.sources import circle
from mlp_exp.training.loop import train

EPOCHS = 20
ROUNDS = 5
BATCH = 32
STEPS = EPOCHS * 25  # 800 rows in batches of 32

data = circle(800)
features = torch.from_numpy(data.features.astype(np.float32))
labels = torch.from_numpy(data.target.astype(np.float32)).unsqueeze(1)


def classic_loop() -> None:
    layers = [nn.Linear(2, 64), nn.ReLU(), nn.Dropout(0.2), nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.2)]
    model = nn.Sequential(*layers, nn.Linear(32, 1), nn.Sigmoid())
    criterion = nn.BCELoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loader = DataLoader(TensorDataset(features, labels), batch_size=BATCH, shuffle=True)
    for _ in range(EPOCHS):
        running_loss = 0.0
        for inputs, targets in loader:
            optimizer.zero_grad()
            loss = criterion(model(inputs), targets)
            loss.backward()
            optimizer.step()
            running_loss += loss.item() * inputs.size(0)


def scikit_learn() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that so few epochs do not converge
        model = MLPClassifier((64, 32), batch_size=BATCH, max_iter=EPOCHS, n_iter_no_change=EPOCHS)
        model.fit(features.numpy(), data.target)


def this_framework(members: int) -> None:
    stack = make_members(members, features, data.target, [64, 32], 0.2, EPOCHS)
    for _ in train(stack, BATCH, torch.device("cpu")):
        pass


def main() -> None:
    torch.set_num_threads(1)
    contenders: dict[str, tuple[Callable[[], None], int]] = {
        "classic loop": (classic_loop, 1),
        "scikit-learn": (scikit_learn, 1),
        "mlp_exp, 1 run": (partial(this_framework, 1), 1),
        "mlp_exp, 128 runs": (partial(this_framework, 128), 128),
    }
    times: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(ROUNDS + 1):  # the first round warms up
        for name, (work, runs) in contenders.items():
            start = time.perf_counter()
            work()
            times[name].append((time.perf_counter() - start) / STEPS / runs * 1e6)
    medians = {name: statistics.median(rounds[1:]) for name, rounds in times.items()}
    print(f"{'':20}{'µs a step and run':>20}{'of the classic loop':>22}")
    for name, median in medians.items():
        ratio = median / medians["classic loop"]
        print(f"{name:20}{median:20.1f}{ratio:14.3f} = 1/{1 / ratio:.1f}")


if __name__ == "__main__":
    main()
