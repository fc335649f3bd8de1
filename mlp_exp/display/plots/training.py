"""Figures of the training itself."""

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure

from mlp_exp.display.plots.style import INK, line_style, new_axes, scale_losses, styled


@styled
def losses(history: Mapping[str, Sequence[float]], best_epoch: int) -> Figure:
    """Training and validation loss by epoch, with the best epoch marked."""
    figure, axes = new_axes("Loss by epoch")
    shown = {"training part": "train_loss", "validation part": "val_loss"}
    known = {label: history[column] for label, column in shown.items() if column in history}
    marker = "o" if len(history["epoch"]) == 1 else None
    for place, (label, values) in enumerate(known.items()):
        axes.plot(history["epoch"], values, label=label, marker=marker, **line_style(place))
    if best_epoch:
        axes.axvline(best_epoch, color=INK, linestyle=":", label=f"best epoch {best_epoch}")
    scale_losses(axes, [value for values in known.values() for value in values])
    axes.set(xlabel="epoch", ylabel="loss")
    axes.legend(loc="upper center")
    return figure
