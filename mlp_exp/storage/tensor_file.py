"""Files of tensors, numbers and texts that can be loaded without executing code from them."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic


def write_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a file that loads with `weights_only=True`; raises UntrustedError for values of other types."""
    import torch

    from mlp_exp.config.trust import check_plain  # imports pydantic, which `--help` should not wait for

    check_plain(content, path, also=_is_whole_tensor)
    # through memory: torch would hide the error of a full disk, and write the temporary name into the archive
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getvalue())  # no copy; a view left in a traceback crashes Python 3.12


def read_tensors(path: Path, what: str, *keys: str) -> dict[str, Any]:
    """Loads what `write_tensors` wrote, onto the CPU; `what` names the expected content in messages.

    Raises RunFolderError if there is no such file, it is damaged, has values of other types, is too short for them, or
    lacks one of the keys.
    """
    import torch

    from mlp_exp.config.trust import check_plain

    if not path.is_file():
        raise RunFolderError(f"{path}: there is no such file; expected {what}")
    try:
        archive = io.BytesIO(path.read_bytes())
        _check_archive(archive, f"{path}: expected {what}, found a damaged or foreign file")
        content = torch.load(archive, map_location="cpu", weights_only=True)
    except (RunFolderError, OSError):
        raise
    except MemoryError:
        raise RunFolderError(f"{path}: expected {what}; it does not fit into memory") from None
    except Exception as error:  # torch raises many kinds of errors for damaged archives
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "eights only" in reason:  # torch's message explains how to load it unsafely
            reason = "it has values other than tensors, numbers and texts"
        raise RunFolderError(f"{path}: expected {what}, found a damaged or foreign file: {reason}") from error
    if not isinstance(content, dict):
        raise RunFolderError(f"{path}: expected {what}, found a {type(content).__name__}")
    size, taken = path.stat().st_size, 0

    def is_whole_tensor(value: Any) -> bool:
        nonlocal taken
        whole = _is_whole_tensor(value)
        taken += value.numel() * value.element_size() if whole else 0
        return whole

    check_plain(content, path, most=size, also=is_whole_tensor)
    if taken > size:
        raise RunFolderError(f"{path}: expected {what}; its tensors are larger than the file")
    require_keys(content, path, what, *keys)
    return content


def require_keys(content: Mapping[str, Any], path: Path, what: str, *keys: str) -> None:
    """Raises RunFolderError unless the content of a file has these keys."""
    if not content.keys() >= set(keys):
        raise RunFolderError(f"{path}: expected {what}: it has no {' and '.join(keys)}")


def _check_archive(file: BinaryIO, found: str) -> None:
    """Raises RunFolderError unless the file is a complete, uncompressed archive as torch writes it."""
    if not zipfile.is_zipfile(file):
        raise RunFolderError(f"{found}: it is no archive of tensors")
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise RunFolderError(f"{found}: its parts are compressed")
        damaged = archive.testzip()  # torch does not check the checksums
    if damaged:
        raise RunFolderError(f"{found}: the checksum of {damaged} is wrong")
    file.seek(0)


def _is_whole_tensor(value: Any) -> bool:
    """Whether a value is a tensor with all its elements in the file, not one element expanded to a large shape."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized or value.is_meta:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()
