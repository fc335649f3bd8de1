"""Says which commands there are: `python -m mlp_exp`; `python -m mlp_exp new PATH` makes a folder of one's own."""

import sys

from mlp_exp.cli.commands import readable_errors, versions
from mlp_exp.cli.flags import HELP, VERSION
from mlp_exp.cli.new import NEW, make_folder
from mlp_exp.errors import ArgumentError

COMMANDS = """mlp_exp: experiments with multilayer perceptrons. Its commands, each with --help:

  mlp-exp           trains one run, a sweep or a search   python -m mlp_exp.run
  mlp-predict       predicts a table with trained runs    python -m mlp_exp.predict
  mlp-report        compares runs on a page               python -m mlp_exp.report
  mlp-export        writes runs for other runtimes        python -m mlp_exp.export
  mlp-exp new PATH  makes a folder for your own network   python -m mlp_exp new PATH
"""


def main() -> None:
    words = sys.argv[1:]
    with readable_errors():
        if words[:1] == [NEW]:
            make_folder(words[1:])
        elif words and words[0] in VERSION:
            print(versions())
        elif words and words[0] not in HELP:
            raise ArgumentError(f"{words[0]}: expected {NEW} PATH, --help or --version; python -m mlp_exp.run trains")
        else:
            print(COMMANDS, end="")


if __name__ == "__main__":
    main()
