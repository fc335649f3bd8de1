"""Writes a trained run as one file for other runtimes: `python -m mlp_exp.export RUN -o model.onnx`.

The file takes raw numbers and categories, and gives predictions; it is kept only if they are the run's own.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from mlp_exp.cli.commands import add_allow, begin, readable_errors
from mlp_exp.processes.garbage import collect_from_now


def export_run(folder: Path, file: Path, allow: Sequence[str]) -> None:
    """Writes the file, prints what it takes and gives; RunFolderError or ExportError for a run that cannot be used."""
    from mlp_exp.inference.export.export import export, require
    from mlp_exp.inference.loading import load

    collect_from_now()
    require(file)
    exported = export(load(folder, tuple(allow)), file)
    print(exported.path)
    for name, shape in exported.inputs.items():
        print(f"  input   {name}: {shape}")
    print(f"  output  {exported.output}")
    print(f"largest difference from the run's own predictions: {exported.difference:.2g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints."""
    parser = argparse.ArgumentParser(prog="mlp-export", description="A trained run as a file for other runtimes.")
    parser.add_argument("run", metavar="RUN", type=Path, help="folder of a run")
    file = "model.onnx, or model.pt2 for torch.export"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help=file)
    add_allow(parser)
    given = parser.parse_args(arguments)
    begin()
    with readable_errors():
        export_run(given.run, given.output, given.allow)


if __name__ == "__main__":
    main()
