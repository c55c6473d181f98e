"""Measuring in interleaved rounds, and medians."""

import json
import statistics
import subprocess
import sys
from pathlib import Path

from servers import Failed, Running


def certificate(build):
    """Makes a certificate for TLS servers, once, and returns its path without the ending."""
    path = build / "bench-certificate"
    if not path.with_suffix(".key").exists():
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "3650",
             "-subj", "/CN=localhost", "-keyout", str(path.with_suffix(".key")), "-out", str(path.with_suffix(".pem"))],
            check=True, capture_output=True,
        )  # fmt: skip
    return path


def measure_once(load, build, server, cell, seconds, cores):
    command = server.command(build) + cell.server_arguments(certificate(build))
    with Running(command, cores[0]) as running:
        arguments = cell.load_arguments(seconds * cell.longer) + ["--port", str(running.port), "--pid", str(running.process.pid)]
        try:
            done = subprocess.run(
                ["taskset", "-c", str(cores[1]), str(load), *arguments],
                capture_output=True, text=True, timeout=60 + 10 * seconds,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            raise Failed("no end in time") from None
    if done.returncode != 0:
        raise Failed(done.stderr.strip() or f"the generator ends with {done.returncode}")
    return json.loads(done.stdout)


# Counted in ticks of the kernel's clock, few of which fall into a round: their sum says more than the one in the middle.
_IN_TICKS = ("user_ns", "system_ns")


def median_of(samples):
    """The median of every figure (the mean of those in ticks), the best CPU time, and how far that was apart, as a share of its median."""
    numbers = [key for key, value in samples[0].items() if not isinstance(value, str)]
    result = {key: (statistics.mean if key in _IN_TICKS else statistics.median)(s[key] for s in samples) for key in numbers}
    key = "cpu_ns" if "cpu_ns" in result else "proportional_octets"
    values = [s[key] for s in samples]
    result["best"] = min(values)
    result["spread"] = (max(values) - min(values)) / result[key] if result[key] else 0
    return result


def measure(build, contestants, cells, rounds, seconds, cores):
    """Runs all and returns {cell: {contestant: medians}}, and what failed. `contestants` are (name, build, server)."""
    load = build / "bench/echo/echo_load"
    samples, failures = {}, {}
    for number in range(rounds):
        for cell in cells:
            able = [c for c in contestants if c[2].can(cell)]
            # Whoever goes first in one round goes last in the next.
            turn = number % len(able) if able else 0
            for name, own_build, server in able[turn:] + able[:turn]:
                place = f"round {number + 1}/{rounds}  {cell.name}  {name}"
                print(f"\r\033[K{place}" if sys.stderr.isatty() else place, end="" if sys.stderr.isatty() else "\n", file=sys.stderr, flush=True)
                try:
                    sample = measure_once(load, own_build, server, cell, seconds, cores)
                    samples.setdefault(cell, {}).setdefault(name, []).append(sample)
                except Failed as failure:
                    failures.setdefault(f"{cell.name} {name}", str(failure))
    print(file=sys.stderr)
    return {cell: {name: median_of(s) for name, s in by_name.items()} for cell, by_name in samples.items()}, failures


def _micro_programs(build):
    return [program for program in sorted((build / "bench/micro").glob("bench_*")) if program.is_file()]


def micro_names(build):
    """The names of all micro benchmarks."""
    listed = (subprocess.run([str(program), "--benchmark_list_tests"], capture_output=True, text=True).stdout for program in _micro_programs(build))
    return [name for names in listed for name in names.split()]


def measure_micro(build, pattern, quick, core):
    """Runs the micro benchmarks and returns {name: nanoseconds}."""
    results = {}
    for program in _micro_programs(build):
        arguments = [f"--benchmark_filter={pattern}", "--benchmark_format=json"]
        arguments += [f"--benchmark_min_time={0.02 if quick else 0.2}", f"--benchmark_repetitions={1 if quick else 5}"]
        arguments += ["--benchmark_enable_random_interleaving=true"]
        done = subprocess.run(["taskset", "-c", str(core), str(program), *arguments], capture_output=True, text=True)
        if done.returncode != 0 or not done.stdout.strip():
            continue
        samples = {}
        for run in json.loads(done.stdout)["benchmarks"]:
            if run.get("run_type") == "iteration" and not run.get("error_occurred"):
                scale = {"ns": 1, "us": 1e3, "ms": 1e6}[run["time_unit"]]
                samples.setdefault(run["run_name"], []).append(run["cpu_time"] * scale)
        results.update({name: statistics.median(values) for name, values in samples.items()})
    return results


def machine():
    cpu = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    count = sum(line.startswith("processor") for line in Path("/proc/cpuinfo").read_text().splitlines())
    kernel = Path("/proc/sys/kernel/osrelease").read_text().strip()
    load = Path("/proc/loadavg").read_text().split()[0]
    return {"cpu": cpu, "cores": count, "kernel": kernel, "load_before": float(load)}
