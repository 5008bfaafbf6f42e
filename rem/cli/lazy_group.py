"""A group that imports a command's module only when the command is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from typer.core import TyperCommand, TyperGroup
from typer.main import get_group_from_info
from typer.models import TyperInfo

# Command -> the module of rem.cli.commands whose `app` has it, and its line in `rem --help`.
COMMANDS = {
    "run": ("run", "Transcribe recordings on this machine."),
    "demo": ("demo", "Transcribe the demo recording, offline, and measure the result."),
    "up": ("up", "Serve this machine's private REM, which devices upload to."),
    "upload": ("upload", "Send recordings to a server."),
    "list": ("library", "List recordings, the newest first."),
    "show": ("executions", "Show a recording, or an execution state by state."),
    "rename": ("library", "Name a voice in a recording."),
    "delete": ("library", "Delete a recording for good."),
    "executions": ("executions", "List executions, and where and why they failed."),
    "doctor": ("executions", "Explain a failed execution, and how to mend it."),
    "redrive": ("redrive", "Continue failed executions where they failed."),
    "stop": ("executions", "Stop a running execution."),
    "dlq": ("dlq", "List messages that started nothing, and queue them again."),
    "keys": ("keys", "Make, list and revoke keys."),
    "device": ("device", "Set up a recorder, or simulate one."),
    "devices": ("device", "List recorders: battery, losses, clock."),
    "models": ("models", "List, fetch and verify model weights."),
    "recipes": ("recipes", "List, check and price the recipes for notes."),
    "cost": ("cost", "Print what recordings cost, and a month like them."),
    "stages": ("stages", "Show time, memory and cost of every stage, with advice."),
    "tune": ("tune", "Measure a stage at several memory sizes."),
}


class LazyGroup(TyperGroup):
    """The commands of COMMANDS: stand-ins with a name and a line of help, until one is called."""

    def __init__(self, **settings: Any) -> None:
        stand_ins = [TyperCommand(name, short_help=line) for name, (_, line) in COMMANDS.items()]
        super().__init__(**settings | {"commands": stand_ins})

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command as every group does, then take the real one in the place of its stand-in."""
        name, found, rest = super().resolve_command(ctx, args)
        return name, found and load_command(name or ""), rest


def load_command(name: str) -> Any:
    """Import the module of a command or a group, and build it."""
    module = import_module(f"rem.cli.commands.{COMMANDS[name][0]}")
    group = get_group_from_info(
        TyperInfo(module.app), pretty_exceptions_short=False, suggest_commands=True, rich_markup_mode=None
    )
    return group.commands[name]
