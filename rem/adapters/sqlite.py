"""SQLite databases that survive a killed process or a power cut."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Literal


def open_database(
    path: Path | None, schema: str, *, durability: Literal["NORMAL", "FULL"]
) -> sqlite3.Connection:
    """Open or make a database with a write-ahead log; every statement is a transaction of its own.

    Args:
        path: None for one in memory.
        durability: NORMAL survives a killed process, FULL a power cut as well (an fsync per write).
    """
    database = sqlite3.connect(path or ":memory:", check_same_thread=False, isolation_level=None)
    database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous={durability}; {schema}")
    return database
