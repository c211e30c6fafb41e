"""The tables of tests/README.md, from what the tests counted while they ran.

    python tests/trust_table.py [TALLY]

TALLY is the file that DRIFTBOUND_TALLY named during a run (``make thorough`` writes one). It is condensed into ``trust.json``
beside this file; without TALLY the tables are only written anew. What `make mutation` found is read from ``mutation/``.
"""

from __future__ import annotations

import argparse
import json
import math
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
README, RECORD = HERE / "README.md", HERE / "trust.json"
RESULTS, EQUIVALENT = HERE / "mutation" / "results.json", HERE / "mutation" / "equivalent.toml"
BEGIN, END = "<!-- trust -->", "<!-- end -->"
HELD = ": checks that held"

Numbers = dict[str, float]
Record = dict[str, dict[str, Numbers]]


def condensed(lines: Iterable[str]) -> Record:
    """Section -> name -> numbers: one entry per name, of several runs in one file.

    Counts of cases and calls add up, the worst error stays, and of several calibrations that with the most runs.
    """
    found: Record = defaultdict(dict)
    for line in lines:
        entry = json.loads(line)
        names, new = found[entry["section"]], dict(entry["numbers"])
        old = names.get(entry["name"])
        if old is None:
            names[entry["name"]] = new
        elif "worst" in new:
            old["worst"] = max(old["worst"], new["worst"])
        elif "runs" in new:
            names[entry["name"]] = max(old, new, key=lambda one: one["runs"])
        elif "cases" in new or "calls" in new:
            names[entry["name"]] = {key: old.get(key, 0) + value for key, value in new.items()}
    return {section: dict(sorted(found[section].items())) for section in sorted(found)}


def mutation() -> list[dict[str, Any]]:
    """Per module: its path, mutants tried and killed, and survivors with the reasons why nothing can notice them.

    Empty before ``make mutation`` has recorded anything.
    """
    if not RESULTS.exists():
        return []
    results = json.loads(RESULTS.read_text(encoding="utf-8"))
    reasons = {
        (entry["path"], mutant): entry["reason"]
        for entry in tomllib.loads(EQUIVALENT.read_text(encoding="utf-8")).get("equivalent", [])
        for mutant in entry["mutants"]
    }
    return [
        {
            "path": path,
            "tried": found["tried"],
            "killed": found["killed"],
            "survivors": [(one["mutant"], reasons.get((path, one["mutant"]), "")) for one in found["survivors"]],
        }
        for path, found in results.items()
    ]


# --- the tables ------------------------------------------------------------------------------------------------------
def table(head: Sequence[str], rows: Iterable[Sequence[str]], right: Sequence[int] = ()) -> str:
    """A Markdown table; ``right`` are the columns of numbers."""
    marks = ["---:" if column in right else "---" for column in range(len(head))]
    return "\n".join("| " + " | ".join(line) + " |" for line in [head, marks, *rows])


def rendered(record: Record, modules: Sequence[dict[str, Any]]) -> str:
    """Everything between the marks in the README."""
    parts = [summary(record, modules)]
    if coverage := record.get("coverage of intervals"):
        parts += ["### Coverage of intervals", coverage_table(coverage)]
    if modules:
        parts += ["### Mutation of the source", mutation_table(modules)]
    if errors := record.get("reliability"):
        parts += ["### Worst relative errors", error_table(errors)]
    return "\n\n".join(parts)


def summary(record: Record, modules: Sequence[dict[str, Any]]) -> str:
    """One line for each kind of evidence that was recorded."""
    rows: list[tuple[str, str, str]] = []
    properties = record.get("properties", {})
    drawn = {name: found for name, found in properties.items() if not name.endswith(HELD)}
    if drawn:
        held = total(properties[name] for name in properties if name.endswith(HELD))
        outcome = f"none failed; {held['cases']:,} checks of true claims held" if held else "none failed"
        rows.append(("properties", f"{len(drawn)} properties, {total(drawn.values())['cases']:,} drawn cases", outcome))
    if mutants := record.get("mutants of claims"):
        killed = total(mutants.values())
        tried = killed["tried"] + killed["prover_only"]
        said = f"{tried} mutants of the registry, {killed['prover_only']} of them about limits, which only the prover sees"
        rows.append(("wrong claims", said, share(killed["killed"], tried)))
    if twins := record.get("mutants of estimators"):
        killed = total(twins.values())
        rows.append(("wrong estimators", f"{killed['tried']} twins of functions", share(killed["killed"], killed["tried"])))
    if modules:
        tried, dead = sum(one["tried"] for one in modules), sum(one["killed"] for one in modules)
        rows.append(("mutation testing", f"{tried:,} mutants of {len(modules)} modules", share(dead, tried)))
    if coverage := record.get("coverage of intervals"):
        runs = [int(one["runs"]) for one in coverage.values()]
        rows.append(("coverage", f"{len(coverage)} intervals, {min(runs):,} to {max(runs):,} runs each", misses(coverage)))
    for name, one in record.get("false alarms of verify", {}).items():
        rows.append(
            (f"false alarms, {name}", f"{int(one['runs']):,} runs", f"{int(one['alarms'])}, allowed {int(one['allowed'])}")
        )
    if power := record.get("power"):
        least = min(one["detected"] / one["runs"] for one in power.values())
        runs = [int(one["runs"]) for one in power.values()]
        rows.append(
            ("power", f"{len(power)} statistical mutants, {min(runs)} seeds each", f"each detected in {least:.1%} or more")
        )
    if hostile := record.get("hostile"):
        kinds = [("functions and methods", "public "), ("verbs", "driftbound "), ("kinds of file", "reader ")]
        counted = ", ".join(f"{sum(name.startswith(start) for name in hostile)} {kind}" for kind, start in kinds)
        calls = total(hostile.values())
        rows.append(("hostile input", f"{calls['calls']:,} calls of {counted}", f"{calls['failures']:,} failures"))
    for section, names in record.items():
        if section not in KNOWN:
            rows.append((section, "; ".join(names), "; ".join(numbers(one) for one in names.values())))
    if errors := record.get("reliability"):
        name = max(errors, key=lambda one: errors[one]["worst"])
        rows.append(
            ("relative errors", f"{len(errors)} functions against mpmath", f"at most {errors[name]['worst']:.1e} ({name})")
        )
    return table(("evidence", "how much", "outcome"), rows)


KNOWN = {
    "properties",
    "mutants of claims",
    "mutants of estimators",
    "coverage of intervals",
    "false alarms of verify",
    "power",
    "hostile",
    "reliability",
}


def total(entries: Iterable[Numbers]) -> dict[str, int]:
    """The sum of each number over entries that may lack it."""
    out: defaultdict[str, int] = defaultdict(int)
    for entry in entries:
        for key, value in entry.items():
            out[key] += int(value)
    return out


def numbers(entry: Numbers) -> str:
    return ", ".join(f"{value:g} {key}" for key, value in entry.items())


def share(killed: int, tried: int) -> str:
    """``a of b killed (p %)``, rounded down."""
    return f"{killed:,} of {tried:,} killed ({math.floor(1000 * killed / tried) / 10:g} %)"


def misses(coverage: dict[str, Numbers]) -> str:
    """The worst one-sided miss at each nominal level."""
    said = []
    for level in sorted({one["level"] for one in coverage.values()}):
        among = [max(one["above"], one["below"]) / one["runs"] for one in coverage.values() if one["level"] == level]
        said.append(f"{100 * max(among):.2g} % beyond one end at {100 * level:g} %")
    return "at worst " + ", ".join(said)


def coverage_table(coverage: dict[str, Numbers]) -> str:
    """Per section and level: how many intervals, how often the truth was beyond an end, and how often no verdict was given."""
    groups: defaultdict[tuple[str, float], list[Numbers]] = defaultdict(list)
    for name, one in coverage.items():
        groups[name.split(": ")[0], one["level"]].append(one)
    rows = []
    for (section, level), among in sorted(groups.items()):
        ends = [max(one["above"], one["below"]) / one["runs"] for one in among]
        allowed = max(one["allowed"] / one["runs"] for one in among)
        silent = max(one["silent"] / one["runs"] for one in among)
        runs = min(int(one["runs"]) for one in among)
        cells = (f"{100 * max(ends):.2f} %", f"{100 * allowed:.2f} %", f"{100 * silent:.1f} %")
        rows.append((section, f"{100 * level:g} %", str(len(among)), f"{runs:,}", *cells))
    head = ("intervals of", "nominal", "how many", "runs each", "worst miss beyond one end", "allowed", "silent at most")
    return table(head, rows, range(1, 7))


def mutation_table(modules: Sequence[dict[str, Any]]) -> str:
    """Per module the score, then every survivor with its reason."""
    rows = []
    for one in modules:
        score = math.floor(1000 * one["killed"] / one["tried"]) / 10
        without = sum(not reason for _, reason in one["survivors"])
        rows.append((f"`{one['path']}`", str(one["tried"]), str(one["killed"]), f"{score:g} %", str(without)))
    head = ("module", "mutants", "killed", "score", "survivors without a reason")
    parts = [table(head, rows, range(1, 5))]
    for one in modules:
        grouped: defaultdict[str, list[str]] = defaultdict(list)
        for mutant, reason in one["survivors"]:
            grouped[reason or "no reason known"].append(mutant)
        if grouped:
            blocks = [
                f"{reason}:\n\n" + "\n".join(f"- {code(mutant)}" for mutant in among) for reason, among in grouped.items()
            ]
            title = f"<details><summary>{len(one['survivors'])} survivors in {one['path']}</summary>"
            parts.append("\n\n".join([title, *blocks, "</details>"]))
    return "\n\n".join(parts)


def code(text: str) -> str:
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def error_table(errors: dict[str, Numbers]) -> str:
    rows = [(name, f"{one['worst']:.1e}") for name, one in sorted(errors.items(), key=lambda pair: -pair[1]["worst"])]
    return table(("function", "worst relative error"), rows, (1,))


def main() -> None:
    """Condense a tally, where one is given, and write the tables into the README."""
    parser = argparse.ArgumentParser(description="Write the tables of tests/README.md.")
    parser.add_argument("tally", nargs="?", type=Path, help="what a run with DRIFTBOUND_TALLY wrote")
    options = parser.parse_args()
    if options.tally is not None:
        record = condensed(options.tally.read_text(encoding="utf-8").splitlines())
        RECORD.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    record = json.loads(RECORD.read_text(encoding="utf-8"))
    text = README.read_text(encoding="utf-8")
    before, after = text.index(BEGIN) + len(BEGIN), text.index(END)
    README.write_text(f"{text[:before]}\n\n{rendered(record, mutation())}\n\n{text[after:]}", encoding="utf-8")


if __name__ == "__main__":
    main()
