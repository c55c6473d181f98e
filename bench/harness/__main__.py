"""The benchmarks: `script/bench` builds and then comes here."""

import argparse
import dataclasses
import datetime
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cells as matrix
import compare
import measure
import network
import plots
import report
import servers

EPILOG = """Names are those of --list: a whole name, a pattern (quoted), or what it begins with (echo, echo/16B, tls); micro
are the micro benchmarks, micro/mask those of that name. Without names all is measured: about an hour and a half with the
peers and five rounds; --quick about three minutes."""


def parse():
    parser = argparse.ArgumentParser(prog="script/bench", description="Measures the library beside its limits and its peers.", epilog=EPILOG)
    parser.add_argument("names", nargs="*", help="what to measure")
    parser.add_argument("--list", action="store_true", help="print the names and end")
    parser.add_argument("--quick", action="store_true", help="a few cells, two short rounds")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (5)")
    parser.add_argument("--seconds", type=float, help="of each measurement (1)")
    parser.add_argument("--servers", help="only these, with commas between")
    parser.add_argument("--cores", help="the server's and the generator's, with a comma between")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there as well")
    parser.add_argument("--out", type=Path, metavar="DIR", default=Path("build/bench-results"), help="for JSON, Markdown and plots (build/bench-results)")
    parser.add_argument("--page", action="store_true", help="put the tables into docs/performance.md")
    parser.add_argument("--compare", metavar="REV", help="measure another revision beside this one and print ratios")
    parser.add_argument("--build", type=Path, default=Path("build/bench"), help=argparse.SUPPRESS)
    return parser.parse_args()


def choose_cores(text):
    if text:
        first, second = (int(core) for core in text.split(","))
        return first, second
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        print("script/bench: one core only: server and generator share it, and times mean little", file=sys.stderr)
    return available[0], available[-1]


def compiler(build):
    cache = (build / "CMakeCache.txt").read_text()
    program = re.search(r"CMAKE_CXX_COMPILER:\w+=(.*)", cache).group(1)
    return subprocess.run([program, "--version"], capture_output=True, text=True).stdout.splitlines()[0]


def main():
    arguments = parse()
    micro_names = [n for n in arguments.names if n == "micro" or n.startswith("micro/")]
    cell_names = [n for n in arguments.names if n not in micro_names]
    with_micro = bool(micro_names) or not arguments.names
    micro_pattern = "|".join(f"^{n[6:]}" for n in micro_names if n != "micro") or "."
    chosen = [] if micro_names and not cell_names else matrix.select(matrix.QUICK if arguments.quick and not cell_names else matrix.ALL, cell_names)
    nothing = [n for n in cell_names if not matrix.select(matrix.ALL, [n])]
    if nothing:
        sys.exit(f"script/bench: nothing is named {' or '.join(nothing)} (see --list)")
    if arguments.list:
        print("\n".join([*(cell.name for cell in chosen), *(["micro"] if with_micro else [])]))
        return 0

    own_network = network.enter()
    build = arguments.build.resolve()
    rounds = arguments.rounds or (2 if arguments.quick else 5)
    seconds = arguments.seconds or (0.4 if arguments.quick else 1.0)
    cores = choose_cores(arguments.cores)
    there_are = measure.micro_names(build) if micro_names else []
    nothing = [n for n in micro_names if n != "micro" and not any(re.search(f"^{n[6:]}", there) for there in there_are)]
    if nothing:
        groups = ", ".join(sorted({f"micro/{name.split('/')[0]}" for name in there_are}))
        sys.exit(f"script/bench: nothing is named {' or '.join(nothing)}; there are {groups}")
    known = [s for s in servers.ALL if s.is_there(build)]
    if arguments.servers:
        wanted = arguments.servers.split(",")
        unknown = set(wanted) - {s.name for s in known}
        if unknown:
            sys.exit(f"script/bench: no server {', '.join(sorted(unknown))}; there are {', '.join(s.name for s in known)}")
        known = [s for s in known if s.name in wanted]
    machine = measure.machine() | {"network": own_network}
    contestants = [(s.name, build, s) for s in known]
    if arguments.compare:
        other = compare.build_revision(arguments.compare)
        contestants = [c for c in contestants if c[2].kind == "ours"]
        contestants += [(f"{s.name}@{arguments.compare}", other, s) for _, _, s in contestants if s.is_there(other)]
    found, failures = measure.measure(build, contestants, chosen, rounds, seconds, cores)
    micro = measure.measure_micro(build, micro_pattern, arguments.quick, cores[0]) if with_micro else {}
    if arguments.compare:
        there = measure.measure_micro(other, micro_pattern, arguments.quick, cores[0]) if with_micro else {}
        compare.print_ratios(found, micro, there, arguments.compare)
    results = {
        "date": datetime.date.today().isoformat(),
        "revision": subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip(),
        "machine": machine,
        "compiler": compiler(build),
        "rounds": rounds,
        "seconds": seconds,
        "servers": {s.name: {"kind": s.kind, "limit": s.limit, "version": s.version(build)} for s in known},
        "cell_parameters": {c.name: {**dataclasses.asdict(c), "group": c.group} for c in chosen},
        "cells": {cell.name: by_name for cell, by_name in found.items()},
        "micro": micro,
        "failures": failures,
    }
    arguments.out.mkdir(parents=True, exist_ok=True)
    for path in [arguments.out / "results.json", *([arguments.json] if arguments.json else [])]:
        path.write_text(json.dumps(results, indent=1) + "\n")
    if not arguments.compare:
        text = report.markdown(results)
        (arguments.out / "results.md").write_text(text)
        if arguments.page:
            report.write_between_markers(servers.ROOT / "docs/performance.md", text)
        print(text)
        drawn = plots.draw(results, arguments.out)
        print(f"Written to {arguments.out}: results.json, results.md" + "".join(f", {path.name}" for path in drawn))
    for where, why in failures.items():
        print(f"script/bench: {where}: {why}", file=sys.stderr)
    return 1 if failures else 0


sys.exit(main())
