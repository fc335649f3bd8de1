"""Writes trained runs as one file for other runtimes: `python -m mlp_exp.export RUN [RUN ...] -o model.onnx`.

It takes the columns of a table as they stand there, and gives predictions; it is kept only if they are the runs' own.
Several runs, or the best ones of a sweep's folder (`--top 5`), give one file with the average of their predictions.
"""

from collections.abc import Sequence
from pathlib import Path

from mlp_exp.cli.commands import add_allow, begin, new_parser, readable_errors
from mlp_exp.inference.command import add_runs, all_runs
from mlp_exp.processes.garbage import collect_from_now

DESCRIPTION = """Writes the average of trained runs as a file for other runtimes. Beside
FILE.onnx go FILE.md, which says what it takes and gives, and use_FILE.py, which
predicts a CSV table with it; beside FILE.pt2 goes FILE.md alone. RUN: folder of
a run or of a sweep."""
EXAMPLES = """
mlp-export RUN -o model.onnx
mlp-export SWEEP --top 3 -o average.onnx
mlp-export RUN -o model.pt2
"""


def export_runs(folders: Sequence[Path], file: Path, top: int, allow: Sequence[str]) -> None:
    """Writes the files, prints what they take and give; MlpExpError for runs that cannot be used."""
    from mlp_exp.inference.ensemble import Ensemble
    from mlp_exp.inference.export.export import export, require
    from mlp_exp.inference.loading import load

    collect_from_now()
    require(file)
    runs = all_runs(folders, top)
    exported = export(Ensemble([load(run, allow) for run in runs]), file)
    model, *beside = exported.files
    print(model)
    for name, shape in exported.inputs.items():
        print(f"  input   {name}: {shape}")
    print(f"  output  {exported.output}")
    print(f"beside it: {', '.join(path.name for path in beside)}")
    whose = "run's" if len(runs) == 1 else "runs'"
    print(f"largest difference from the {whose} own predictions: {exported.difference:.2g}")


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line; exits with status 1 after an error, which it prints."""
    parser = new_parser("mlp-export", "[OPTIONS] RUN [RUN ...] -o FILE", DESCRIPTION, EXAMPLES)
    add_runs(parser)
    file = "FILE.onnx, or FILE.pt2 for torch.export"
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, required=True, help=file)
    add_allow(parser)
    given = parser.parse_intermixed_args(arguments)
    begin()
    with readable_errors():
        export_runs([Path(run) for run in given.runs], given.output, given.top, given.allow)


if __name__ == "__main__":
    main()
