"""Files of tensors, numbers and texts, which load without running anything that they hold."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from mlp_exp.config.trust import check_plain
from mlp_exp.errors import RunFolderError
from mlp_exp.storage.atomic import atomic


def write_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Writes tensors, numbers and texts, so that the file loads with `weights_only=True`.

    Raises:
        UntrustedError: it holds something else.
    """
    import torch

    check_plain(content, path, also=_is_whole_tensor)

    # through memory: torch would hide a full disk and write the temporary file's name into the archive
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    with atomic(path) as temporary:
        temporary.write_bytes(buffer.getbuffer())


def read_tensors(path: Path, what: str) -> dict[str, Any]:
    """What `write_tensors` wrote, on the CPU; never more than the file holds bytes for.

    Args:
        what: the file is expected to be, for messages.

    Raises:
        RunFolderError: there is no such file, it is damaged, or it holds something else.
    """
    import torch

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
    except Exception as error:  # torch raises whatever a damaged archive leads to
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        if "eights only" in reason:  # torch then says how to load it without safety
            reason = "it holds something else than tensors, numbers and texts"
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
    return content


def _check_archive(file: BinaryIO, found: str) -> None:
    """Raises RunFolderError unless it is a whole archive as torch writes it, its parts as large as they seem."""
    if not zipfile.is_zipfile(file):
        raise RunFolderError(f"{found}: it is no archive of tensors")
    with zipfile.ZipFile(file) as archive:
        if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
            raise RunFolderError(f"{found}: its parts are compressed")
        damaged = archive.testzip()  # torch does not compare the checksums
    if damaged:
        raise RunFolderError(f"{found}: the checksum of {damaged} is wrong")
    file.seek(0)


def _is_whole_tensor(value: Any) -> bool:
    """Whether it is a tensor, and one whose numbers are all in the file: one number can be spread over any shape."""
    import torch

    if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized or value.is_meta:
        return False
    return value.numel() * value.element_size() <= value.untyped_storage().nbytes()
