"""`rem tune`: one stage at several memory sizes, here on a sample or on AWS on what an execution sent it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from ruamel.yaml import YAML

from rem.adapters.models import DEMO, DEMO_DIR
from rem.cli import tables
from rem.cli.options import AsJson, take_groups
from rem.cli.run_options import ModelOptions, RunOptions
from rem.cli.target import AccountOptions
from rem.core.errors import InputError, SetupError
from rem.costs.prices import load_prices
from rem.costs.sizes import Trial, choose
from rem.definition import STAGES_FILE, load_stages
from rem.home.trials import run_trials

LEAST_MB, MOST_MB = 128, 10_240  # what Lambda has

app = typer.Typer()

Stage = Annotated[str, typer.Argument(help="prepare, transcribe, diarize, cluster, …", metavar="STAGE")]
Sizes = Annotated[
    str, typer.Option("--memory", help="Sizes in MB, with commas between them.", metavar="MB,…")
]


@dataclass(frozen=True, slots=True)
class WorkOptions:
    """The work on which the stage is measured: a recording on this machine, or an execution on AWS."""

    sample: Annotated[
        Path | None,
        typer.Option(help="Recording to work on. Default: the demo, with the demo models.", metavar="FILE"),
    ] = None
    execution: Annotated[
        str,
        typer.Option(
            help="On AWS: repeat what this execution sent. Default: the newest that succeeded.",
            metavar="NAME",
        ),
    ] = ""


@dataclass(frozen=True, slots=True)
class ResultOptions:
    """The forms of the result beside the printed table."""

    plot: Annotated[Path, typer.Option(help="Where the plot goes.", metavar="FILE.png")] = Path(
        "build/tune.png"
    )
    apply: Annotated[
        bool, typer.Option("--apply", help="Write the chosen size to statemachine/stages.yaml.")
    ] = False
    as_json: AsJson = False


@app.command()
@take_groups
def tune(
    stage: Stage,
    work: WorkOptions,
    models: ModelOptions,
    result: ResultOptions,
    where: AccountOptions,
    memory: Sizes = "1769,3008,3538,5307",
) -> None:
    """Run one stage at each memory size and print and draw time and cost by size.

    On this machine: with Lambda's threads and ceiling at that size, the time stretched below one vCPU as
    Lambda would. Its processors are not Lambda's: compare sizes, not seconds. With --profile or --region:
    on Lambda, a version of the deployed function for each size, removed afterwards; for some seconds the
    function itself has each size too.

    Examples:

      rem tune transcribe --memory 1769,3538,5307 --sample meeting.wav --whisper base

      rem tune diarize --memory 1769,3538 --region eu-central-1 --execution walk-17
    """
    if stage not in load_stages():
        raise InputError(f"there is no stage '{stage}': {', '.join(load_stages())}")
    sizes = parse_sizes(memory)
    if where.asks_for_aws:
        if work.sample or models != ModelOptions():
            raise InputError("--sample and the models are for this machine: on AWS name an --execution")
        with where.open() as target:
            trials = target.lambda_sizes().try_sizes(stage, work.execution, sizes)
    else:
        trials = _run(stage, sizes, work.sample, models)
    _report(stage, trials, result)


def _report(stage: str, trials: Sequence[Trial], result: ResultOptions) -> None:
    """Draw and print the trials, and write the chosen size where that is asked for.

    Raises:
        SetupError: a size is to be written, and none leaves room.
    """
    price, chosen = load_prices().aws.lambda_gb_s_arm64, choose(trials)
    draw(stage, trials, price, result.plot)
    if result.as_json:
        rows = [{**_to_json(trial, price), "chosen": trial == chosen} for trial in trials]
        tables.print_json({"stage": stage, "trials": rows, "plot": str(result.plot)})
    else:
        _print(trials, price, chosen, result.plot)
    if result.apply:
        if chosen is None:
            raise SetupError("no size leaves room for a larger recording: try more memory")
        set_memory(STAGES_FILE, stage, chosen.memory_mb)
        typer.echo(f"{STAGES_FILE}: {stage} has {chosen.memory_mb} MB", err=True)


def parse_sizes(text: str) -> list[int]:
    """Read memory sizes in MB, sorted, each once.

    Raises:
        InputError: they are no numbers, or none that Lambda has.
    """
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise InputError(f"'{text}' is no list of memory sizes: write 1769,3008") from error
    if not LEAST_MB <= sizes[0] <= sizes[-1] <= MOST_MB:
        raise InputError(f"Lambda has {LEAST_MB} to {MOST_MB:,} MB")
    return sizes


def _run(stage: str, sizes: Sequence[int], sample: Path | None, models: ModelOptions) -> list[Trial]:
    """Try the sizes on this machine; without a sample on the demo, with its models."""
    if sample is None:
        models = ModelOptions(models.whisper or DEMO, models.diarization or DEMO, models.language or "en")
    settings = RunOptions(models).to_settings()
    reports = run_trials(stage, sizes, sample or DEMO_DIR / "standup.wav", settings)
    return [Trial(r.memory_mb, r.duration_ms / 1000, r.cpu_s, r.max_memory_mb) for r in reports]


def _to_json(trial: Trial, price: float) -> dict[str, Any]:
    return {
        "memoryMb": trial.memory_mb,
        "threads": trial.threads,
        "seconds": trial.seconds,
        "cpuSeconds": trial.cpu_s,
        "peakMb": trial.peak_mb,
        "lambdaSeconds": trial.lambda_s,
        "costUsd": trial.gb_s * price,
    }


def _print(trials: Sequence[Trial], price: float, chosen: Trial | None, plot: Path) -> None:
    table = tables.build_table(
        "MB", "threads", "wall s", "CPU s", "peak MB", "s at its vCPU", "US$ arm64", ""
    )
    for trial in trials:
        table.add_row(
            str(trial.memory_mb),
            str(trial.threads),
            f"{trial.seconds:.2f}",
            "" if trial.cpu_s is None else f"{trial.cpu_s:.2f}",
            str(trial.peak_mb),
            f"{trial.lambda_s:.2f}",
            f"{trial.gb_s * price:.6f}",
            "cheapest with room" if trial == chosen else "",
        )
    console = tables.build_console()
    console.print(table)
    console.print(str(plot))


def draw(stage: str, trials: Sequence[Trial], price: float, path: Path) -> None:
    """Draw time and cost by memory size into a PNG file."""
    import matplotlib  # half a second that other commands do not wait

    matplotlib.use("Agg")
    from matplotlib import pyplot

    sizes = [trial.memory_mb for trial in trials]
    figure, time_axis = pyplot.subplots(figsize=(7, 4))
    time_axis.plot(sizes, [trial.lambda_s for trial in trials], "o-", color="tab:blue")
    time_axis.set(title=stage, xlabel="memory, MB", ylim=(0, None))
    time_axis.set_ylabel("seconds", color="tab:blue")
    cost_axis = time_axis.twinx()
    cost_axis.plot(sizes, [trial.gb_s * price * 1000 for trial in trials], "s--", color="tab:orange")
    cost_axis.set_ylabel("US$ per 1,000 runs, arm64", color="tab:orange")
    cost_axis.set_ylim(0, None)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def set_memory(path: Path, stage: str, memory_mb: int) -> None:
    """Change one number of stages.yaml and leave its comments and its layout as they are."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000  # never breaks a line
    document = yaml.load(path.read_text())
    document[stage]["memory_mb"] = memory_mb
    with path.open("w") as file:
        yaml.dump(document, file)
