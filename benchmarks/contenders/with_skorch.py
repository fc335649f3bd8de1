"""skorch's binary classifier, without a validation part and without printing."""

import time

import torch
from skorch import NeuralNetBinaryClassifier
from torch import nn
from work import Rows, Work

from contenders.guide_loop import network


def train(work: Work, rows: Rows, seed: int, lr: float) -> dict[str, float]:
    torch.manual_seed(seed)
    model = NeuralNetBinaryClassifier(
        nn.Sequential(*network(work), nn.Flatten(0)),
        optimizer=torch.optim.Adam,
        lr=lr,
        max_epochs=work.epochs,
        batch_size=work.batch,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    start = time.perf_counter()
    model.fit(rows.train_x, rows.train_y.astype("float32"))
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "accuracy": float((model.predict(rows.test_x) == rows.test_y).mean())}
