"""The life of one run, from its components to a folder with results."""

import logging
import time
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mlp_exp.artefacts.console import epoch_bar, print_columns, print_results
from mlp_exp.artefacts.provenance import provenance
from mlp_exp.artefacts.run_folder import RunFolder
from mlp_exp.config.errors import ConfigError, DivergedError, TrainingError
from mlp_exp.data.preprocessing import Preprocessing
from mlp_exp.data.splits import Parts
from mlp_exp.experiment.components import Components
from mlp_exp.model.embedding import EmbeddedNetwork
from mlp_exp.training.batches import MemberData
from mlp_exp.training.loop import EpochRecord, Member, predict, train
from mlp_exp.training.metrics import evaluate_classes, evaluate_values, finite, history_metric
from mlp_exp.training.streams import Streams

log = logging.getLogger(__name__)

HISTORY_SECONDS = 5.0
"""How often the history is written while a run trains."""


@dataclass
class Run:
    """A run that is ready to train, or has trained."""

    components: Components
    parts: Parts
    preprocessing: Preprocessing
    member: Member
    device: torch.device
    history: list[list[float]] = field(default_factory=list)
    status: str = "failed"
    reason: str | None = None

    @property
    def columns(self) -> list[str]:
        """Of the history; those of the validation part are left out where there is none."""
        metric = history_metric(regression=self.member.loss.regression)
        validation = ["val_loss", f"val_{metric}"] if len(self.parts.val) else []
        return ["epoch", "lr", "train_loss", *validation, "seconds"]

    @property
    def best_epoch(self) -> int:
        return self.member.early_stopping.best_epoch


def prepare(components: Components) -> Run:
    """Splits and scales the data, builds and initialises the network: everything that the seed decides."""
    trainer, dataset = components.trainer, components.dataset
    torch.set_num_threads(trainer.threads)
    streams = Streams(components.seed)
    parts = components.split.parts(dataset, streams.split)
    preprocessing = components.preprocess.fit(dataset, parts.train)
    loss = components.loss(dataset.task, len(dataset.class_names))
    target = preprocessing.target.scaled(dataset.target)
    inputs = torch.from_numpy(preprocessing.inputs(dataset.features, dataset.categories))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(streams.weights)
        module = build_network(components, preprocessing, inputs.shape[1], loss.out_features)
        components.init.apply(module)
        check_network(module, inputs[:2], loss.out_features)
    epochs = trainer.epochs_for(len(parts.train))
    components.early_stopping.begin(regression=loss.regression, validates=len(parts.val) > 0)
    check_monitor(components.early_stopping.monitor, regression=loss.regression, validates=len(parts.val) > 0)
    member = Member(
        data=MemberData(
            inputs,
            torch.from_numpy(loss.encode(target)),
            torch.from_numpy(loss.row_weights(target, parts.train)),
            parts.train,
            parts.val,
        ),
        module=module,
        loss=loss,
        optimizer=components.optimizer,
        optimizer_options=components.optimizer_options,
        scheduler=components.scheduler(epochs),
        early_stopping=components.early_stopping,
        streams=streams,
        epochs=epochs,
        clip_grad_norm=trainer.clip_grad_norm,
        average=trainer.average,
        target=preprocessing.target,
    )
    return Run(components, parts, preprocessing, member, trainer.torch_device())


def build_network(components: Components, preprocessing: Preprocessing, inputs: int, outputs: int) -> torch.nn.Module:
    """The configured network for rows of `inputs` numbers, with embeddings in front where there are any to learn."""
    embedded = preprocessing.embedded
    if not embedded:
        return components.model(inputs, outputs)
    rows, width = preprocessing.embedding_starts[-1], preprocessing.embedding_width
    network = components.model(inputs + len(embedded) * (width - 1), outputs)
    return EmbeddedNetwork(network, len(embedded), rows, width, preprocessing.never_trained)


def check_network(module: torch.nn.Module, rows: torch.Tensor, out_features: int) -> None:
    """Raises TrainingError unless the network turns rows `[n, F]` into logits `[n, out_features]`."""
    name, features = type(module).__name__, rows.shape[1]
    if isinstance(module, EmbeddedNetwork):
        name = type(module.network).__name__
        features += module.columns * (module.embedding.embedding_dim - 1)
    try:
        with torch.no_grad():
            logits = module.eval()(rows)
    except Exception as error:  # the user's own code may raise anything
        raise TrainingError(f"model: {name} cannot take rows of {features} features: {error}") from error
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise TrainingError(f"model: {name} has no parameter to train")
    if logits.shape != (len(rows), out_features):
        raise TrainingError(
            f"model: expected logits [B, {out_features}] from {name}, got {['B', *logits.shape[1:]]}; "
            "take in_features and out_features in its constructor"
        )


def check_monitor(monitor: str, *, regression: bool, validates: bool) -> None:
    """Raises ConfigError for a watched column that the history will not have."""
    metric = f"val_{history_metric(regression=regression)}"
    if monitor in ("val_loss", "train_loss") or (monitor == metric and validates):
        return
    columns = ["train_loss", "val_loss", "val_metric", *([metric] if validates else [])]
    raise ConfigError([f"early_stopping.monitor: expected one of {', '.join(columns)} for this data, got '{monitor}'"])


def fit(run: Run, folder: RunFolder) -> None:
    """Trains, with a progress bar, log lines and a growing history. After Ctrl-C the best weights so far stay."""
    trainer = run.components.trainer
    batch_size = trainer.batch_size_for(len(run.parts.train))
    written = time.perf_counter()
    try:
        with epoch_bar() as bar:
            task = bar.add_task("", total=run.member.epochs)
            for (record,) in train([run.member], batch_size, run.device):
                run.history.append(_row(record))
                run.status = record.status or run.status
                if record.status == "diverged":
                    run.reason = str(DivergedError(record.epoch))
                bar.update(task, advance=1, description=_losses(record))
                if record.epoch % trainer.log_every == 0 or record.status:
                    log.info("epoch %d/%d: %s", record.epoch, run.member.epochs, _losses(record))
                if time.perf_counter() - written > HISTORY_SECONDS:
                    folder.write_history(run.columns, run.history)
                    written = time.perf_counter()
    finally:
        folder.write_history(run.columns, run.history)


def _row(record: EpochRecord) -> list[float]:
    validation = [v for v in (record.val_loss, record.val_metric) if v is not None]
    return [record.epoch, record.lr, record.train_loss, *validation, record.seconds]


def _losses(record: EpochRecord) -> str:
    text = f"train loss {record.train_loss:.4f}"
    return text if record.val_loss is None else f"{text}, val loss {record.val_loss:.4f}"


def evaluate(run: Run) -> dict[str, dict[str, float | None]]:
    """All metrics of the best weights on each part; nothing where no epoch was completed."""
    if not run.best_epoch:
        return {}
    return {name: _evaluate_part(run, name, rows) for name, rows in run.parts.items()}


def _evaluate_part(run: Run, name: str, rows: NDArray[np.int64]) -> dict[str, float | None]:
    """Metrics of a part; none, with a warning, where a prediction is not a finite number."""
    target, predicted = run.components.dataset.target[rows], predictions(run, rows)
    wrong = ~np.isfinite(predicted).reshape(len(rows), -1).all(axis=1)
    if wrong.any():
        row = run.components.dataset.source_rows[rows[wrong.argmax()]]
        log.warning(
            "%s: no metrics, since %d of %d predictions are not finite numbers (first: row %d). Look for extreme "
            "values in such rows",
            name,
            wrong.sum(),
            len(rows),
            row,
        )
        return {}
    return finite((evaluate_values if run.member.loss.regression else evaluate_classes)(target, predicted))


def predictions(run: Run, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """Probabilities `[n, C]`, or values `[n]` in the target's own unit."""
    return _in_unit(run, predict(run.member, rows))


def _in_unit(run: Run, answer: torch.Tensor) -> NDArray[np.float64]:
    values = answer.double().numpy()
    return run.preprocessing.target.unit(values) if run.member.loss.regression else values


def save(run: Run, folder: RunFolder, metrics: dict[str, dict[str, float | None]]) -> None:
    """Writes the result and, where an epoch was completed, the model."""
    dataset, trainer = run.components.dataset, run.components.trainer
    result: dict[str, Any] = {
        "status": run.status,
        "task": dataset.task,
        "seed": run.components.seed,
        "best_epoch": run.best_epoch,
        "epochs": len(run.history),
        "metrics": metrics,
        "seconds": run.history[-1][-1] if run.history else 0.0,
        "provenance": provenance(dataset, str(run.device), trainer.threads),
    }
    if run.reason:
        result["reason"] = run.reason
    if run.best_epoch:
        folder.write_model(
            {
                "format": 1,
                "config": run.components.config,
                "task": dataset.task,
                "feature_names": list(dataset.feature_names),
                "class_names": list(dataset.class_names),
                "target_name": dataset.target_name,
                "columns": [asdict(column) for column in dataset.columns],
                "preprocess": run.preprocessing.state(),
                "out_features": run.member.loss.out_features,
                "state_dict": {name: tensor.clone() for name, tensor in run.member.module.state_dict().items()},
            }
        )
    folder.write_result(result)


def draw(run: Run, folder: RunFolder) -> None:
    """Draws the figures that fit the task."""
    from mlp_exp.artefacts import plots

    if not run.best_epoch:
        return
    dataset = run.components.dataset
    history = dict(zip(run.columns, zip(*run.history, strict=True), strict=True))
    figures = {"loss": plots.losses(history, run.best_epoch)}
    if dataset.features.shape[1] == 2 and not dataset.categories:
        figures["decision_boundary"] = plots.decision_boundary(
            dataset, run.parts.test, lambda points: _predict_points(run, points)
        )
    test = run.parts.test
    predicted = predictions(run, test) if len(test) else None
    if predicted is not None and np.isfinite(predicted).all():
        figures |= plots.test_figures(dataset, test, predicted)
    folder.write_figures(figures)


def _predict_points(run: Run, points: NDArray[np.float64]) -> NDArray[np.float64]:
    with torch.no_grad():
        answer = run.member.loss.predict(run.member.module(torch.from_numpy(run.preprocessing.inputs(points))))
    return _in_unit(run, answer)


def describe(run: Run) -> str:
    """The run in one line."""
    dataset, parts = run.components.dataset, run.parts
    module = run.member.module
    network = module.network if isinstance(module, EmbeddedNetwork) else module
    weights = sum(p.numel() for p in module.parameters())
    what = f"{len(dataset.class_names)} classes" if dataset.class_names else f"target {dataset.target_name}"
    return (
        f"{len(dataset.target)} rows, {dataset.features.shape[1] + len(dataset.categories)} features, {what}; "
        f"train {len(parts.train)}, val {len(parts.val)}, test {len(parts.test)}; "
        f"{type(network).__name__} with {weights} parameters on {run.device}; seed {run.components.seed}"
    )


def run_experiment(components: Components, folder: RunFolder, *, in_sweep: bool) -> float:
    """The whole life of a run.

    Args:
        in_sweep: whether it is one of many, which draw only when told to.

    Returns:
        The best value of what early stopping watches, for a sweeper that optimises.

    Raises:
        DivergedError: after everything has been saved.
        KeyboardInterrupt: likewise.
    """
    if components.dataset.columns:
        print_columns(components.dataset)
    run = prepare(components)
    log.info("%s", describe(run))
    left_out = [f"{c.name} ({c.note})" for c in components.dataset.columns if c.kind == "left out"]
    if left_out:
        log.info("left out: %s", ", ".join(left_out))
    folder.claim(run.columns)
    try:
        fit(run, folder)
    except KeyboardInterrupt:
        run.status = "interrupted"
        log.info("interrupted after %d epochs; the best weights so far are in %s", len(run.history), folder.path)
        raise
    except Exception as error:
        run.reason = f"{type(error).__name__}: {error}"
        raise
    finally:
        metrics = evaluate(run)
        save(run, folder, metrics)
    wanted = components.trainer.plots
    if wanted == "always" or (wanted == "auto" and not in_sweep):
        draw(run, folder)
    if metrics:
        print_results(metrics)
    status = run.status.replace("_", " ")
    log.info("%s after %d epochs, best epoch %d: %s", status, len(run.history), run.best_epoch, folder.path)
    if run.reason:
        raise DivergedError(len(run.history))
    return components.early_stopping.best_value
