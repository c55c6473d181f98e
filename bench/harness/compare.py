"""Another revision's library under this revision's benchmarks."""

import shutil
import subprocess

from servers import ROOT


def build_revision(revision):
    """Builds it in a worktree below build/ and returns its build directory."""
    commit = subprocess.run(["git", "rev-parse", "--verify", "--short", f"{revision}^{{commit}}"], cwd=ROOT, capture_output=True, text=True)
    if commit.returncode != 0:
        raise SystemExit(f"script/bench: {revision} is no revision of this repository")
    tree = ROOT / "build/compare" / commit.stdout.strip()
    if not tree.exists():
        subprocess.run(["git", "worktree", "prune"], cwd=ROOT, check=True)
        subprocess.run(["git", "worktree", "add", "--detach", str(tree), commit.stdout.strip()], cwd=ROOT, check=True, capture_output=True)
    # Both are measured by the same servers and the same loads.
    shutil.rmtree(tree / "bench", ignore_errors=True)
    shutil.copytree(ROOT / "bench", tree / "bench", ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
    build = tree / "build/bench"
    log = tree / "build.log"
    with log.open("w") as out:
        configure = ["cmake", "-G", "Ninja", "-S", str(tree), "-B", str(build), "-DCMAKE_BUILD_TYPE=Release", "-DWOLFRAMITE_BENCH=ON"]
        configure += ["-DCMAKE_CXX_FLAGS_RELEASE=-O2 -g -DNDEBUG", "-DWOLFRAMITE_TESTS=OFF", "-DWOLFRAMITE_EXAMPLES=OFF", "-DWOLFRAMITE_BENCH_PEERS=OFF"]
        for command in (configure, ["cmake", "--build", str(build)]):
            if subprocess.run(command, stdout=out, stderr=out).returncode != 0:
                raise SystemExit(f"script/bench: {revision} does not build under this revision's benchmarks: see {log}")
    return build


def print_ratios(cells, micro_here, micro_there, revision):
    """Prints, cell by cell, this revision's figure over the other's; below 1 this one takes less."""
    print(f"\n{'':44}{'here':>12}{revision:>14}{'ratio':>9}")

    def line(label, here, there):
        print(f"{label:44}{here:12.1f}{there:14.1f}{here / there if there else 0:9.3f}")

    for cell, by in cells.items():
        for name, figures in by.items():
            other = by.get(f"{name}@{revision}")
            if other:
                key = "cpu_ns" if "cpu_ns" in figures else "proportional_octets"
                unit = "ns" if key == "cpu_ns" else "octets"
                line(f"{cell.name} {name}, {unit}", figures[key], other[key])
    for name, here in micro_here.items():
        if name in micro_there and "/ours" in name:
            line(f"{name}, ns", here, micro_there[name])
