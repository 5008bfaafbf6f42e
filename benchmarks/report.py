"""The report docs/performance.md and its plots, from results of benchmarks: `python -m benchmarks.report`.

The explanations stand in performance.template.md beside this file; a table replaces each {{name}}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.clustering import POINTS
from benchmarks.cost import DERATES, SPEECH, build_table, simulate
from benchmarks.transcription import RESULTS
from rem.definition import ROOT, load_stages

PAGE = ROOT / "docs" / "performance.md"
TEMPLATE = Path(__file__).with_name("performance.template.md")
PLOTS = ROOT / "docs" / "plots"


def load(name: str) -> Any:
    return json.loads((RESULTS / f"{name}.json").read_text())


def to_table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def table_transcription() -> str:
    rows = [
        (r["model"], f"{r['speech']:.0%}", r["way"], f"{r['cpu_per_s']:.4f}", f"{r['ratio']:.2f}")
        for r in load("transcription")["speed"]
        if r["threads"] == 1
    ]
    return to_table(("model", "speech", "way", "CPU s per s of sound", "of plain"), rows)


def table_threads() -> str:
    rows = [
        (r["model"], r["threads"], r["way"], f"{r['cpu_per_s']:.4f}", f"{r['wall_per_s']:.4f}")
        for r in load("transcription")["speed"]
        if r["threads"] > 1
    ]
    return to_table(("model", "threads", "way", "CPU s per s of sound", "wall s per s"), rows)


def table_parts() -> str:
    rows = [
        (r["stage"], f"{r['speech']:.0%}", r["part"], f"{r['cpu_per_s']:.4f}", f"{r['share']:.0%}")
        for r in load("parts")
    ]
    return to_table(("stage", "speech", "part", "CPU s per s of sound", "share"), rows)


def table_words() -> str:
    rows = [(r["way"], f"{r['wer']:.2%}") for r in load("transcription")["words"]]
    return to_table(("way", "WER"), rows)


def table_diarization() -> str:
    rows = [
        (f"{r['speech']:.0%}", r["way"], f"{r['cpu_per_s']:.4f}", f"{r['ratio']:.3f}")
        for r in load("diarization")["speed"]
    ]
    return to_table(("speech", "way", "CPU s per s of sound", "of stock"), rows)


def table_steps() -> str:
    rows = [
        (r["step"], f"{r['der']:.1%}", f"{r['speaker_accuracy']:.1%}", f"{r['speakers']} of {r['expected']}")
        for r in load("diarization")["steps"]
    ]
    return to_table(("step", "DER", "right speaker per word", "speakers found"), rows)


def table_clustering() -> str:
    rows = [
        (f"{r['hours']:g}", f"{r['points']:,}", r["peak_mb"], f"{r['cpu_s']:.1f}")
        for r in load("clustering")["memory"]
    ]
    return to_table(("hours", "points", "peak MB", "CPU s"), rows)


def table_points() -> str:
    """Tabulate DER and the number of people found, by the number of voices that are compared."""
    found: dict[str, dict[Any, Any]] = {}
    recordings: list[str] = []
    for r in load("clustering")["points"]:
        name = f"{r['people']} people ({r['seed']})"
        recordings += [name] if name not in recordings else []
        compared = f"{r['points']:,}" if r["points"] in POINTS else "all"
        found.setdefault(compared, {})[name] = f"{r['der']:.1%}, {r['voices']}"
    rows = [(compared, *(cells.get(name, "") for name in recordings)) for compared, cells in found.items()]
    return to_table(("compared", *recordings), rows)


def table_hour() -> str:
    hour = load("minutes-60")
    stages, configured = hour["stages"], load_stages()
    used_s = sum(stage["cpu_s"] for stage in stages.values())
    rows = [
        ("sound, words, people", f"{hour['length_s']:.0f} s, {hour['words']:,}, 3"),
        ("wall", f"{hour['wall_s']:.0f} s"),
        ("processor time of the stages", f"{used_s:.0f} s"),
        ("of all processes, starts included", f"{hour['cpu_s']:.0f} s"),
        ("longest time without a line of progress", f"{hour['stillest_s']:.0f} s"),
        (
            "WER, DER, right speaker per word",
            f"{hour['wer']:.1%}, {hour['der']:.1%}, {hour['speaker_accuracy']:.1%}",
        ),
        *(
            (label["label"], f"{label['words']:,} words; in each ten minutes {' '.join(label['by_part'])}")
            for label in hour["labels"]
        ),
        *(
            (f"peak of {name}", f"{stage['peak_mb']:.0f} of {configured[name].memory_mb:,} MB")
            for name, stage in stages.items()
        ),
    ]
    return to_table(("one generated hour", ""), rows)


def table_cold() -> str:
    rows = [
        (r["stage"], f"{r['import_s']:.2f}", f"{r['load_s']:.2f}", r["mb"], ", ".join(r["heavy"]))
        for r in load("cold")
    ]
    return to_table(("function", "import, CPU s", "load, CPU s", "MB", "heavy imports"), rows)


def table_cost() -> str:
    sizes = list(dict.fromkeys(r["model"] for r in load("transcription")["speed"] if r["threads"] == 1))
    cells = {(r["model"], r["speech"], r["architecture"], r["derate"]): r for r in build_table(sizes)}
    rows = []
    for (size, share, architecture), _ in _group(cells):
        prices = [cells[size, share, architecture, derate] for derate in DERATES]
        costs = [f"{row['aws'] * 1000:.2f} / {row['all'] * 1000:.2f}" for row in prices]
        rows.append((size, f"{share:.0%}", architecture, *costs))
    header = ("model", "speech", "architecture", *(f"derate {derate:g}" for derate in DERATES))
    return to_table(header, rows)


def _group(cells: dict[Any, Any]) -> list[tuple[Any, None]]:
    return [(key, None) for key in dict.fromkeys(key[:3] for key in cells)]


def table_makespan() -> str:
    rows = [
        (
            workers,
            *(
                f"{simulate(60, 'base', 0.85, derate, workers, cold=cold):.0f}"
                for cold in (False, True)
                for derate in DERATES
            ),
        )
        for workers in (1, 2, 4, 8, 12)
    ]
    kinds = [f"{kind}, derate {derate:g}" for kind in ("warm", "cold") for derate in DERATES]
    return to_table(("workers", *kinds), rows)


def table_targets() -> str:
    """Tabulate targets and results, from the same figures as the tables below."""
    spoken = {(r["speech"], r["way"]): r["ratio"] for r in load("diarization")["speed"]}
    steps = {r["step"]: r["der"] for r in load("diarization")["steps"]}
    step = float(load_stages()["diarize"].settings["segmentation_step"])
    heard = {
        (r["speech"], r["way"]): r["ratio"]
        for r in load("transcription")["speed"]
        if (r["model"], r["threads"]) == ("base", 1)
    }
    batched = f"beam 1, batch {load_stages()['transcribe'].settings['batch_clips']}"
    dollars = {
        r["speech"]: r["aws"]
        for r in build_table(["base"])
        if r["architecture"] == "arm64" and r["derate"] == 1
    }
    hour = load("minutes-60")
    fullest = max(stage["peak_mb"] / load_stages()[name].memory_mb for name, stage in hour["stages"].items())
    makespan_s = simulate(60, "base", 0.85, 1.0, 12, cold=False)
    models_s = sum(hour["stages"][name]["cpu_s"] for name in ("prepare", "transcribe", "diarize", "cluster"))
    ours = f"ours, step {step:g}"
    rows = [
        _judge(
            "diarization at equal output, of stock pyannote's processor time",
            [
                ("dense", spoken[1.0, "ours, step 0.1"], 1 / 3),
                ("25 %", spoken[0.25, "ours, step 0.1"], 1 / 3),
            ],
        ),
        _judge(
            f"diarization at the default step (DER {steps[step] - steps[0.1]:+.1%} to step 0.1)",
            [("dense", spoken[1.0, ours], 1 / 8), ("25 %", spoken[0.25, ours], 1 / 8)],
            "{:.3f}",
        ),
        _judge(
            "transcription with base, of plain faster-whisper's (same WER on the demo models)",
            [("dense", heard[1.0, batched], 0.6), ("25 %", heard[0.25, batched], 0.6)],
        ),
        _judge("one hour over 12 workers, base, derate 1, warm: seconds", [("", makespan_s, 90)], "{:.0f}"),
        _judge(
            "five minutes, base, arm64, derate 1, AWS only: US$",
            [("dense", dollars[1.0], 0.003), ("25 %", dollars[0.25], 0.0012)],
            "{:.4f}",
        ),
        _judge("peak memory on an hour, of the configured", [("fullest stage", fullest, 0.75)]),
        _judge(
            "local wall time of an hour, of the models' processor time / 2",
            [("", 2 * hour["wall_s"] / models_s, 1.1)],
        ),
    ]
    return to_table(("target", "at most", "measured", ""), rows)


def _judge(
    what: str, values: Sequence[tuple[str, float, float]], form: str = "{:.2f}"
) -> tuple[str, str, str, str]:
    aims = dict.fromkeys(form.format(aim) for _, _, aim in values)
    found = [f"{form.format(value)} {name}".strip() for name, value, _ in values]
    met = [value <= aim for _, value, aim in values]
    verdict = "met" if all(met) else "missed" if not any(met) else "met in part"
    return what, ", ".join(aims), ", ".join(found), verdict


def draw_plots() -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    PLOTS.mkdir(parents=True, exist_ok=True)
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(9, 3.5))
    dense = [r for r in load("diarization")["speed"] if r["speech"] == 1]
    left.bar([r["way"].replace("ours, ", "") for r in dense], [r["ratio"] for r in dense])
    left.set(title="diarization, CPU time of stock", ylabel="ratio")
    spoken = [
        r for r in load("transcription")["speed"] if (r["speech"], r["model"], r["threads"]) == (1, "base", 1)
    ]
    right.barh([r["way"] for r in spoken], [r["ratio"] for r in spoken])
    right.set(title="transcription (base), CPU time of plain", xlabel="ratio")
    figure.tight_layout()
    figure.savefig(PLOTS / "speed.png", dpi=110)
    pyplot.close(figure)
    figure, axis = pyplot.subplots(figsize=(6, 3.5))
    for derate in DERATES:
        rows = [r for r in build_table(["base"]) if r["architecture"] == "arm64" and r["derate"] == derate]
        axis.plot(SPEECH, [r["aws"] * 1000 for r in rows], "o-", label=f"derate {derate:g}")
    axis.set(
        title="five minutes, base, arm64, AWS only",
        xlabel="share of speech",
        ylabel="US$ / 1,000",
        ylim=(0, None),
    )
    axis.legend()
    figure.tight_layout()
    figure.savefig(PLOTS / "cost.png", dpi=110)
    pyplot.close(figure)


TABLES: dict[str, Callable[[], str]] = {
    "targets": table_targets,
    "transcription": table_transcription,
    "words": table_words,
    "diarization": table_diarization,
    "steps": table_steps,
    "threads": table_threads,
    "parts": table_parts,
    "clustering": table_clustering,
    "points": table_points,
    "hour": table_hour,
    "cold": table_cold,
    "cost": table_cost,
    "makespan": table_makespan,
}


def main() -> None:
    text = re.sub(r"\{\{(\w+)\}\}", lambda found: TABLES[found[1]](), TEMPLATE.read_text())
    PAGE.write_text(text)
    draw_plots()
    print(PAGE)


if __name__ == "__main__":
    main()
