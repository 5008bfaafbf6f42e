"""`rem tune`: one stage at several memory sizes, here on a sample or on AWS on what an execution sent it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rem.cli.target import DEFAULT_STACK, AsJson, Profile, Region, StackName, open_target
from rem.core.errors import InputError, SetupError

if TYPE_CHECKING:
    from rem.costs.sizes import Trial

Stage = Annotated[str, typer.Argument(help="prepare, transcribe, diarize, cluster, …", metavar="STAGE")]
Sizes = Annotated[
    str, typer.Option("--memory", help="Sizes in MB, with commas between them.", metavar="MB,…")
]
Sample = Annotated[
    Path | None,
    typer.Option(help="Recording to work on. Default: the demo, with the demo models.", metavar="FILE"),
]
Execution = Annotated[
    str,
    typer.Option(
        "--execution", help="On AWS: repeat what this one sent. Default: the newest.", metavar="NAME"
    ),
]
Whisper = Annotated[str, typer.Option(help="As in `rem run`.", metavar="MODEL")]
Diarization = Annotated[str, typer.Option(help="As in `rem run`.", metavar="MODEL")]
Plot = Annotated[Path, typer.Option(help="Where the plot goes.", metavar="FILE.png")]
Apply = Annotated[bool, typer.Option("--apply", help="Write the chosen size to statemachine/stages.yaml.")]
LEAST_MB, MOST_MB = 128, 10_240


def tune(
    stage: Stage,
    memory: Sizes = "1769,3008,3538,5307",
    sample: Sample = None,
    whisper: Whisper = "",
    diarization: Diarization = "",
    execution: Execution = "",
    plot: Plot = Path("build/tune.png"),
    apply: Apply = False,
    as_json: AsJson = False,
    profile: Profile = "",
    region: Region = "",
    stack: StackName = DEFAULT_STACK,
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
    from rem.cli import tables as printing
    from rem.costs.prices import load_prices
    from rem.costs.sizes import choose
    from rem.definition import STAGES_FILE, load_stages

    if stage not in load_stages():
        raise InputError(f"there is no stage '{stage}': {', '.join(load_stages())}")
    sizes = parse_sizes(memory)
    if profile or region:
        if sample or whisper or diarization:
            raise InputError("--sample and the models are for this machine: on AWS name an --execution")
        trials = _run_on_aws(stage, sizes, execution, profile, region, stack)
    else:
        trials = _run(stage, sizes, sample, whisper, diarization)
    price, chosen = load_prices().aws.lambda_gb_s_arm64, choose(trials)
    draw(stage, trials, price, plot)
    if as_json:
        rows = [{**_to_json(trial, price), "chosen": trial == chosen} for trial in trials]
        printing.print_json({"stage": stage, "trials": rows, "plot": str(plot)})
    else:
        _print(trials, price, chosen, plot)
    if apply:
        if chosen is None:
            raise SetupError("no size leaves room for a larger recording: try more memory")
        set_memory(STAGES_FILE, stage, chosen.memory_mb)
        typer.echo(f"{STAGES_FILE}: {stage} has {chosen.memory_mb} MB", err=True)


def parse_sizes(text: str) -> list[int]:
    """Sorted, each once.

    Raises:
        InputError: no numbers, or none that Lambda has.
    """
    try:
        sizes = sorted({int(part) for part in text.split(",")})
    except ValueError as error:
        raise InputError(f"'{text}' is no list of memory sizes: write 1769,3008") from error
    if not LEAST_MB <= sizes[0] <= sizes[-1] <= MOST_MB:
        raise InputError(f"Lambda has {LEAST_MB} to {MOST_MB:,} MB")
    return sizes


def _run(
    stage: str, sizes: Sequence[int], sample: Path | None, whisper: str, diarization: str
) -> list[Trial]:
    from rem.adapters.models import DEMO, DEMO_DIR
    from rem.cli.run import RunOptions
    from rem.costs.sizes import Trial
    from rem.home.trials import run_trials

    default = DEMO if sample is None else ""
    options = RunOptions(whisper or default, diarization or default, "en" if sample is None else "", None)
    reports = run_trials(stage, sizes, sample or DEMO_DIR / "standup.wav", options.to_settings())
    return [Trial(r.memory_mb, r.duration_ms / 1000, r.cpu_s, r.max_memory_mb) for r in reports]


def _run_on_aws(
    stage: str, sizes: Sequence[int], execution: str, profile: str, region: str, stack: str
) -> list[Trial]:
    from rem.adapters.lambda_sizes import Versions

    with open_target(profile, region, stack, "", None) as target:
        versions = Versions(target.session, target.bucket, target.machine_arn)
        return versions.try_sizes(stage, execution, sizes)


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
    from rem.cli import tables as printing

    table = printing.build_table(
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
    console = printing.build_console()
    console.print(table)
    console.print(str(plot))


def draw(stage: str, trials: Sequence[Trial], price: float, path: Path) -> None:
    """Time and cost by memory, as a PNG."""
    import matplotlib

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
    """Change one number of stages.yaml; comments and layout stay."""
    from ruamel.yaml import YAML

    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 10_000
    document = yaml.load(path.read_text())
    document[stage]["memory_mb"] = memory_mb
    with path.open("w") as file:
        yaml.dump(document, file)
