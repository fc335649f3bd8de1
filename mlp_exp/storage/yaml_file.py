"""Reads YAML files that Hydra has saved; they may come from strangers."""

import errno
import os
from pathlib import Path
from typing import Any

import yaml

from mlp_exp.errors import RunFolderError


class _Loader(yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader):  # type: ignore[misc]
    """Plain values only. No merge keys: Hydra does not write them, and they can grow a file exponentially."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        if any(key.tag == "tag:yaml.org,2002:merge" for key, _ in node.value):
            raise yaml.constructor.ConstructorError(None, None, "merge keys are not read", node.start_mark)


def read_yaml(path: Path) -> Any:
    """The content of the file; None if it is empty. Raises FileNotFoundError, or RunFolderError if it is not YAML."""
    if not path.is_file():  # reading from a pipe would block
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)
    except (yaml.YAMLError, UnicodeError, RecursionError, ValueError) as error:
        raise RunFolderError(f"{path}: expected YAML as Hydra writes it: {error}") from error
