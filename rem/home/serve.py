"""The home server in the foreground: it says how to use it, logs what happens, and stops when asked."""

from __future__ import annotations

import logging
import signal
import sys
import threading
from types import FrameType

import structlog
from rich.console import Console

from rem.home.home import Home, HomeOptions, add_first_key, open_home

log = structlog.get_logger()


def serve(options: HomeOptions, *, json_logs: bool) -> None:
    """Serve until SIGTERM or Ctrl-C.

    Raises:
        SetupError: the data folder or the address cannot be used.
    """
    configure_logs(as_json=json_logs or not sys.stderr.isatty())
    stopping = threading.Event()

    def stop(_signal: int, _frame: FrameType | None) -> None:
        stopping.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    with open_home(options) as home:
        print_welcome(home, options, add_first_key(home))
        stopping.wait()
        log.info("stopping", note="what is unfinished goes on at the next start")


def configure_logs(*, as_json: bool) -> None:
    """Set structlog up on standard error: JSON lines for machines, aligned lines for people."""
    render: structlog.types.Processor = structlog.dev.ConsoleRenderer()
    if as_json:
        render = structlog.processors.JSONRenderer()
    shared: list[structlog.types.Processor] = [
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso"),
    ]
    structlog.configure(
        processors=[*shared, structlog.processors.format_exc_info, render],
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    formatter = structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processor=render)
    handler = logging.StreamHandler()
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)


def print_welcome(home: Home, options: HomeOptions, key: str | None) -> None:
    """Print what a person needs to go on; the first key is shown this once."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"REM is up at {home.api_url}, data in {options.data}")
    if key is not None:
        console.print(f"Key (shown once, stored hashed; `rem keys add` makes more): {key}")
        console.print(f"Try: rem upload memo.wav --to {home.api_url} --key {key}")
    if options.watch is not None:
        console.print(f"Recordings dropped into {options.watch} are taken.")
    console.print("Ctrl-C stops it.")
    log.info("started", url=home.api_url, data=str(options.data))
