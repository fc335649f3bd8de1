"""Trains one run, or with -m a sweep: `python -m mlp_exp.run [overrides]`.

Hydra composes a configuration from the arguments, and `cli.actions` says what is done with it. Help, versions and
completion are answered before Hydra is imported.
"""

import sys

from mlp_exp.cli.front import answered


def main() -> None:
    if not answered(sys.argv[1:]):
        from mlp_exp.cli.actions import train

        train()


if __name__ == "__main__":
    main()
