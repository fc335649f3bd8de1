"""Figures as files."""

import io
import warnings

from matplotlib import rc_context, rcParams, rcParamsDefault
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mlp_exp.storage.run_folder import FigureFormat

DPI = 120


def encoded(figure: Figure, format: FigureFormat = "png") -> bytes:
    """The figure as a file: of the same figure always the same bytes."""
    file = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)  # a box then stands for the letter
        if format == "svg":
            with rc_context({"svg.hashsalt": "mlp_exp"}):
                figure.savefig(file, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
        elif any(rcParams[key] != rcParamsDefault[key] for key in rcParams if key.startswith("savefig.")):
            figure.savefig(file, format="png", dpi=DPI)  # draws twice, as some of these settings need
        else:
            figure.set_dpi(DPI)
            FigureCanvasAgg(figure).print_png(file)  # type: ignore[no-untyped-call]
    return file.getvalue()
