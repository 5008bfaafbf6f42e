"""The addresses of running home servers, for the other commands of this machine.

A server tells them twice: in its data folder, for a command that names the folder, and in the user's state
folder, for one that names nothing. It holds a lock on the second file while it lives: an entry without a lock
is that of a server that was killed, whatever process has its number by now.
"""

from __future__ import annotations

import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

ENDPOINT_FILE = "endpoint.json"
log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The addresses of one home server: of its AWS, which listens on this machine alone, and of its API."""

    data: Path
    endpoint_url: str
    api_url: str
    pid: int

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """Read what `dump` wrote.

        Raises:
            ValueError: it is anything else.
        """
        try:
            fields = json.loads(text)
            return cls(Path(fields["data"]), fields["endpointUrl"], fields["apiUrl"], fields["pid"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no endpoint: {error}") from error

    def dump(self) -> str:
        return json.dumps(
            {
                "data": str(self.data),
                "endpointUrl": self.endpoint_url,
                "apiUrl": self.api_url,
                "pid": self.pid,
            }
        )


def default_data_dir() -> Path:
    """Name the data folder of who names none: rem in XDG_DATA_HOME, which is ~/.local/share by default."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share", "rem")


def state_dir() -> Path:
    """Name the folder of logs and of running servers: rem in XDG_STATE_HOME, by default ~/.local/state."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state", "rem")


def servers_dir() -> Path:
    """Name the folder that has a file for every server of this user."""
    return state_dir() / "servers"


@contextmanager
def announce(endpoint: Endpoint) -> Iterator[None]:
    """Tell other commands of this machine where the server is, as long as the block runs."""
    path = endpoint.data / ENDPOINT_FILE
    path.write_text(endpoint.dump())
    try:
        with ExitStack() as entry:
            try:
                entry.enter_context(_register(endpoint))
            except OSError as error:  # a service user may have no home
                log.warning("other commands find this server by --data only: %s", error)
            yield
    finally:
        path.unlink(missing_ok=True)


@contextmanager
def _register(endpoint: Endpoint) -> Iterator[None]:
    """Put a file into servers_dir that is locked before it has its name: a reader never sees it free."""
    servers_dir().mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=servers_dir(), suffix=".new", delete=False) as file:
        path = Path(file.name).with_suffix(".json")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.write(endpoint.dump())
        file.flush()
        Path(file.name).rename(path)
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def list_running() -> list[Endpoint]:
    """List the servers of this user that run, by data folder; remove the entries of killed ones."""
    found = []
    for path in servers_dir().glob("*.json"):
        try:
            with path.open() as file:
                if _is_locked(file):
                    found.append(Endpoint.parse(file.read()))
                else:
                    path.unlink()
        except FileNotFoundError:  # the server ended meanwhile
            continue
        except ValueError:  # another version of REM wrote it
            continue
    return sorted(found, key=lambda endpoint: endpoint.data)


def _is_locked(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False
