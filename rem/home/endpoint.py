"""Where a running `rem up` says how it is reached."""

from __future__ import annotations

import os
from pathlib import Path

ENDPOINT_FILE = "endpoint.json"  # `rem up` writes it into its data folder: {"endpointUrl": …}


def default_data_dir() -> Path:
    """~/.local/share/rem, or where XDG_DATA_HOME says."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "rem")
