"""Plots of the results, drawn by gnuplot."""

import shutil
import subprocess


def _draw(path, title, unit, sizes, series):
    """Bars in groups: one group a size, one bar a server. Logarithmic, since peers are many times apart."""
    data = path.with_suffix(".tsv")
    lines = ["size\t" + "\t".join(series)]
    for size in sizes:
        lines.append(size + "\t" + "\t".join(str(values.get(size, "NaN")) for values in series.values()))
    data.write_text("\n".join(lines) + "\n")
    script = f"""
set terminal svg size 1000,420 dynamic background rgb "white" font "sans-serif,12"
set output "{path}"
set title "{title}"
set ylabel "{unit}"
set datafile separator "\\t"
set datafile missing "NaN"
set style data histograms
set style fill solid 0.8 noborder
set boxwidth 0.9
set logscale y
set grid y
set key outside right
plot for [i=2:{len(series) + 1}] "{data}" using i:xtic(1) title columnheader(i)
"""
    subprocess.run(["gnuplot"], input=script, text=True, check=True)


def draw(results, directory):
    """Draws what there are cells for, and returns the files."""
    if shutil.which("gnuplot") is None:
        return []
    drawn = []
    shapes = sorted({(p["connections"], p["depth"]) for p in results["cell_parameters"].values() if p["group"] == "echo"})
    for connections, depth in shapes:
        series, sizes = {}, []
        for name, by in results["cells"].items():
            p = results["cell_parameters"][name]
            if p["group"] != "echo" or (p["connections"], p["depth"]) != (connections, depth):
                continue
            size = name.split("/")[1]
            sizes.append(size)
            for server in results["servers"]:
                if server in by:
                    series.setdefault(server, {})[size] = by[server]["cpu_ns"]
        path = directory / f"echo-c{connections}-d{depth}.svg"
        _draw(path, f"Echo, {connections} connections, depth {depth}", "CPU time a message, ns", sizes, series)
        drawn.append(path)
    return drawn
