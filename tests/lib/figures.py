# SPDX-License-Identifier: GPL-3.0-or-later
"""A benchmark's rows: out/bench/NAME.json and the same as a Markdown table."""
import json
import pathlib
import statistics


def row(work, unit, ours, goal=None, better="lower", rival="", theirs=None):
    """`ours` and `theirs` are the raw runs; a row has their medians. The goal is for the ratio when there is a rival, else for ours."""
    mine = statistics.median(ours)
    other = statistics.median(theirs) if theirs else None
    ratio = mine / other if other else None
    judged = ratio if other else mine
    met = None if goal is None else (judged <= goal if better == "lower" else judged >= goal)
    runs = [list(pair) for pair in zip(ours, theirs)] if theirs else [[o] for o in ours]
    return {"work": work, "rival": rival, "unit": unit, "ours": mine, "theirs": other, "ratio": ratio, "goal": goal, "better": better,
            "met": met, "runs": runs}


def _cell(value):
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.3g}" if isinstance(value, float) and abs(value) < 100 else f"{value:.0f}" if isinstance(value, (int, float)) else str(value)


def publish(folder, name, rows):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    (pathlib.Path(folder) / f"{name}.json").write_text(json.dumps(rows, indent=1) + "\n")
    columns = ["work", "rival", "unit", "ours", "theirs", "ratio", "goal", "met"]
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))
    for r in rows:
        print("| " + " | ".join(_cell(r[c]) for c in columns) + " |")
