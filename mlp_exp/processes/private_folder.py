"""A folder of this process alone, which is gone when it ends, however it ends."""

import os
import subprocess
import tempfile
from pathlib import Path

WATCH = 'exec 3<&0; (read -r _; rm -rf -- "$1") <&3 &'
"""For a shell: waits in the background until nobody holds the other end of its input, and removes the folder."""


def private_folder() -> Path:
    """Makes it where temporary files are (`TMPDIR`); a process that is killed removes nothing itself."""
    path = Path(tempfile.mkdtemp(prefix="mlp_exp-")).resolve()
    watched, _ = os.pipe()  # the other end is closed with this process
    subprocess.run(
        ["/bin/sh", "-c", WATCH, "sh", str(path)],
        stdin=watched,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=True,
        start_new_session=True,
    )
    os.close(watched)
    return path
