"""The work behind `rem run`: files found, progress shown, documents written, a transcript printed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rem.cli.progress import LiveProgress, describe
from rem.cli.run_options import RunOptions
from rem.cli.tables import print_skipped
from rem.core.errors import EXIT_BAD_INPUT, EXIT_FAILED, InputError
from rem.executions.history import StateProgress
from rem.executions.statuses import FAILED, SUCCEEDED
from rem.home.session import Outcome, Session, Upload, open_session
from rem.library.media import explain_skip, read_folder
from rem.transcripts.captions import format_clock, join_turns
from rem.transcripts.sound import describe_channels, sum_damage
from rem.transcripts.transcript import Transcript

AT_ONCE = 2  # recordings in flight: one's models fill the processors while the other decodes or publishes


def find_recordings(paths: Sequence[Path], console: Console) -> tuple[list[Path], list[Outcome]]:
    """Find the files to work on, and the arguments that cannot be used, each with a sentence.

    A folder stands for the recordings below it; what is none is named on the console and does no harm.
    """
    found: dict[Path, None] = {}
    bad: list[Outcome] = []
    for path in paths:
        if path.is_dir():
            content = read_folder(path)
            print_skipped(content.skipped, console)
            found |= dict.fromkeys(content.taken)
            if not content.taken:
                bad.append(_refuse(path, "the folder holds no recordings"))
        elif not path.exists():
            bad.append(_refuse(path, "there is no such file"))
        elif reason := explain_skip(path):
            bad.append(_refuse(path, f"it is no recording: {reason}"))
        else:
            found[path] = None
    return list(found), bad


def _refuse(path: Path, message: str) -> Outcome:
    return Outcome(path, FAILED, error=InputError.__name__, message=message)


def run_files(paths: Sequence[Path], options: RunOptions, out: Path, *, as_json: bool) -> list[Outcome]:
    """Run every recording through the state machine, write its documents and report.

    Raises:
        SetupError: a model is missing.
    """
    console = Console(stderr=True, highlight=False)
    files, outcomes = find_recordings(paths, console)
    if files:
        settings = options.to_settings()
        prepare_folder(out)
        progress = LiveProgress(console, len(files))
        with progress, open_session(settings, progress.on_log) as session:
            outcomes += _run_all(session, files, out, progress, options.started_at)
    if as_json:
        print(json.dumps({"recordings": [_to_json(outcome) for outcome in outcomes]}, ensure_ascii=False))
    else:
        _report(outcomes, options)
    return outcomes


def prepare_folder(out: Path) -> None:
    """Make the folder for documents, and try before the work that it can be written to.

    Raises:
        InputError: the folder cannot be made or written to.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".rem-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(f"nothing can be written to {out}: {error.strerror}") from error


def _run_all(
    session: Session, files: Sequence[Path], out: Path, progress: LiveProgress, started_at: datetime | None
) -> list[Outcome]:
    """Write each recording's documents as soon as it is done: an interrupt loses only what still runs."""
    stems = Counter(path.stem for path in files)

    def watch(upload: Upload, states: Mapping[str, StateProgress]) -> None:
        progress.show(upload.recording.recording_id, upload.path.name, states)

    def run_one(path: Path) -> Outcome:
        try:
            outcome = session.follow(session.upload(path, started_at), watch)
            outcome.files = write_documents(outcome, out, is_only=stems[path.stem] == 1)
        except InputError as error:
            outcome = _refuse(path, str(error))
        except OSError as error:  # the disk is full, or the upload started nothing
            outcome = Outcome(path, FAILED, error=type(error).__name__, message=str(error))
        progress.finish(outcome)
        return outcome

    with ThreadPoolExecutor(AT_ONCE) as pool:
        futures = [pool.submit(run_one, path) for path in files]
        try:
            return [future.result() for future in futures]
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def exit_code(outcomes: Sequence[Outcome]) -> int:
    """Tell from how recordings ended with which code the program ends."""
    failed = [outcome for outcome in outcomes if outcome.status != SUCCEEDED]
    if any(not outcome.is_bad_input for outcome in failed):
        return EXIT_FAILED
    return EXIT_BAD_INPUT if failed else 0


def write_documents(outcome: Outcome, out: Path, *, is_only: bool) -> dict[str, Path]:
    """Write FILE.json and its siblings; where several files have one name, their recording id instead."""
    stem = outcome.path.stem if is_only else outcome.recording_id
    written = {extension: out / f"{stem}.{extension}" for extension in outcome.documents}
    for extension, path in written.items():
        path.write_bytes(outcome.documents[extension])
    return written


def _to_json(outcome: Outcome) -> dict[str, Any]:
    common = {"file": str(outcome.path), "status": outcome.status}
    if outcome.status != SUCCEEDED:
        return {**common, "error": outcome.error, "message": outcome.message}
    return {
        **common,
        "recordingId": outcome.recording_id,
        "execution": outcome.execution_arn,
        "wallSeconds": round(outcome.wall_s, 2),
        "files": {extension: str(path) for extension, path in outcome.files.items()},
        "transcript": json.loads(outcome.documents["json"]),
    }


def _report(outcomes: Sequence[Outcome], options: RunOptions) -> None:
    console = Console(highlight=False, soft_wrap=True)
    done = [outcome for outcome in outcomes if outcome.documents]
    if len(outcomes) == 1 and done:
        _print_transcript(console, done[0])
    for outcome in done:
        others = ", ".join(f".{extension}" for extension in outcome.files if extension != "md")
        console.print(f"{escape(str(outcome.files['md']))} ({others} beside it)")
    if options.models.is_demo:
        console.print("Demo models: trained on synthetic voices, useless on real speech.", style="dim")
    errors = Console(stderr=True, highlight=False, soft_wrap=True)
    for outcome in outcomes:
        if not outcome.documents:
            errors.print(f"rem: {escape(str(outcome.path))}: {escape(describe(outcome))}")


def _print_transcript(console: Console, outcome: Outcome) -> None:
    transcript = Transcript.from_json(json.loads(outcome.documents["json"]))
    for start_s, name, text in join_turns(transcript):
        console.print(f"[dim]{format_clock(start_s):>5}[/]  [bold]{escape(name)}[/]  {escape(text)}")
    if not transcript.segments:
        console.print("No speech was found in this recording.")
    print_sound(console, transcript)
    _print_notes(console, transcript)
    table = Table("stage", "seconds", "peak MB", "of MB", "US$ on Lambda", title=None, box=None)
    for stage in transcript.stages:
        table.add_row(
            stage["name"],
            f"{stage['seconds']:.2f}",
            str(stage["maxMemoryMb"]),
            str(stage["memoryMb"]),
            f"{stage['costUsd']:.6f}",
        )
    console.print()
    console.print(table)
    console.print(describe_spending(transcript))
    console.print(f"{format_clock(transcript.duration_s)} of sound in {outcome.wall_s:.1f} s\n")


def print_sound(console: Console, transcript: Transcript) -> None:
    """Tell of damage and of channels that were heard one by one, in a line each."""
    for line in filter(None, (sum_damage(transcript), describe_channels(transcript))):
        console.print(escape(line), style="yellow")


def _print_notes(console: Console, transcript: Transcript) -> None:
    note = transcript.notes.get("notes", {})
    if "title" in note:
        made_by = f"{note['engine']} enricher" if note["engine"] == "offline" else note["model"]
        console.print(f"\n[bold]{escape(note['title'])}[/]  (notes: {escape(made_by)})")
        console.print(escape(note["summary"]))
        console.print("Topics: " + escape(", ".join(note["topics"])))
        for item in note["actionItems"]:
            console.print("To do: " + escape(item["text"]))
    elif "skipped" in note:
        console.print(escape(f"\nNo notes: {note['skipped']}."))
    for name, made in transcript.notes.items():
        if "error" in made:
            console.print(escape(f"The recipe {name} failed: {made['error']}: {made['message']}"))
        if "remark" in made:
            console.print(escape(f"The recipe {name}: {made['remark']}"))


def describe_spending(transcript: Transcript) -> str:
    """Say how much left the machine for the notes, and at which cost."""
    notes = transcript.notes.values()
    if all(note.get("engine") == "offline" for note in notes):
        return "Notes: made on this machine, nothing was sent." if notes else "Notes: none."
    spent = [note["usage"] for note in notes if "usage" in note]
    requests, tokens = (sum(u[k] for u in spent) for k in ("requests", "inputTokens"))
    dollars = [u["llmUsd"] for u in spent]
    cost = "of unknown price" if None in dollars else f"for US$ {sum(dollars):.6f}"
    return f"Notes by a language model: {requests} answer(s), {tokens} tokens sent, {cost}."
