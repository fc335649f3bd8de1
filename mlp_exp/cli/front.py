"""What a command line asks for before anything is composed: help, versions, completion, a new folder.

None of it needs Hydra or torch, whose import takes longer than the answer.
"""

import os
import shutil
from collections.abc import Sequence

from mlp_exp.cli.commands import readable_errors, versions
from mlp_exp.cli.flags import COMPLETION, CONFIG_DIR, HELP, VERSION, separated
from mlp_exp.cli.new import NEW, make_folder
from mlp_exp.config.conf_folder import CONF
from mlp_exp.errors import ArgumentError


def answered(arguments: Sequence[str]) -> bool:
    """Answers what these arguments ask for; False where they ask for training, or something of Hydra's."""
    flags = {argument.partition("=")[0] for argument in arguments if argument.startswith("-")}
    query = [argument for argument in arguments if argument.startswith("query=")]
    with readable_errors():
        if flags & {*HELP}:
            words, folders = separated(arguments)
            for folder in folders:
                if not folder.is_dir():
                    raise ArgumentError(f"{CONFIG_DIR[0]} {folder}: there is no such folder")
            from mlp_exp.cli.help_text import help_on  # reads the schema, which no run should wait for here

            print(help_on(words, [*folders, CONF], shutil.get_terminal_size().columns))
        elif arguments[:1] == [NEW]:
            make_folder(arguments[1:])
        elif flags & {*VERSION}:
            print(versions())
        elif flags & {*COMPLETION} and query:
            from mlp_exp.cli.completion import completions

            print((" " if query[0] != "query=fish" else "\n").join(completions(os.environ.get("COMP_LINE", ""))))
        else:
            return False
    return True
