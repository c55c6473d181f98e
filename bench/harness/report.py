"""Results as Markdown: what docs/performance.md shows."""

import re

from cells import size_name

BEGIN, END = "<!-- script/bench: begin -->", "<!-- script/bench: end -->"


def _number(value):
    if value is None:
        return "–"
    if value >= 1e6:
        return f"{value / 1e6:.2f} M"
    if value >= 1e4:
        return f"{value / 1e3:.1f} k"
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}"


def _ratio(value, base):
    return "–" if value is None or not base else f"{value / base:.2f}"


def _table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|" + " --- |" + " ---: |" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


def _names(results, kind):
    present = {name for by_name in results["cells"].values() for name in by_name}
    return [name for name, entry in results["servers"].items() if entry["kind"] == kind and name in present]


def _of_group(results, group):
    return {name: by for name, by in results["cells"].items() if results["cell_parameters"][name]["group"] == group}


def _figure(by_name, name, key):
    return by_name.get(name, {}).get(key)


def _row_label(results, name):
    cell = results["cell_parameters"][name]
    label = size_name(cell["size"]).replace("iB", " iB").replace("K i", " Ki").replace("M i", " Mi")
    return f"{label.replace('B', ' B') if 'i' not in label else label} × {cell['connections']}, depth {cell['depth']}"


def _ratio_to_limit(results, by, name):
    """Of the medians, and in parentheses of the best rounds: what disturbs a round only ever adds to it."""
    own, limit = by.get(name), by.get(results["servers"][name]["limit"])
    if own is None or limit is None:
        return "–"
    return f"{_ratio(own['cpu_ns'], limit['cpu_ns'])} ({_ratio(own.get('best'), limit.get('best'))})"


def _limits(results, cells):
    """Ours beside the limits, CPU time and user time."""
    ours = [n for n in _names(results, "ours")]
    twins = _names(results, "twin")
    heads = ["message × connections"]
    for name in ours:
        heads += [name, "÷ limit", "user, above limit"]
    heads += ["limit ÷ itself" for _ in twins]
    heads += ["uring ÷ epoll"] if {"epoll", "uring"} <= set(ours) else []
    heads += ["limit-streamed"]
    rows = []
    for cell, by in cells.items():
        row = [_row_label(results, cell)]
        for name in ours:
            limit = results["servers"][name]["limit"]
            row += [_number(_figure(by, name, "cpu_ns")), _ratio_to_limit(results, by, name)]
            user, least = _figure(by, name, "user_ns"), _figure(by, limit, "user_ns")
            row += ["–" if user is None or least is None else f"{user - least:+.0f}"]
        row += [_ratio_to_limit(results, by, twin) for twin in twins]
        if {"epoll", "uring"} <= set(ours):
            row += [_ratio(_figure(by, "uring", "cpu_ns"), _figure(by, "epoll", "cpu_ns"))]
        row += [_number(_figure(by, "limit-streamed", "cpu_ns"))]
        rows.append(row)
    return _table(heads, rows)


def _growth(results):
    """What a message costs among more connections, and an octet in a larger message, over the smaller one."""
    servers = [n for kind in ("ours", "limit", "peer") for n in _names(results, kind)]
    steps = [("echo/16B/c10000/d1", "echo/16B/c512/d1", 1), ("echo/1KiB/c10000/d1", "echo/1KiB/c512/d1", 1),
             ("echo/16MiB/c1/d1", "echo/1MiB/c1/d1", 16), ("echo/64MiB/c1/d1", "echo/1MiB/c1/d1", 64)]  # fmt: skip
    heads = ["server", "16 B: 10,000 ÷ 512 connections", "1 KiB: the same", "an octet of 16 MiB ÷ of 1 MiB", "of 64 MiB ÷ of 1 MiB"]
    rows = []
    for server in servers:
        row = [server]
        for large, small, factor in steps:
            small_ns = _figure(results["cells"].get(small, {}), server, "cpu_ns")
            row += [_ratio(_figure(results["cells"].get(large, {}), server, "cpu_ns"), small_ns and factor * small_ns)]
        if set(row[1:]) != {"–"}:
            rows.append(row)
    return _table(heads, rows) if rows else ""


def _peers(results, cells, base):
    """What the peers' CPU time is in that of one of ours."""
    peers = _names(results, "peer")
    heads = ["message × connections", f"{base}, ns", *[f"{peer} ÷ {base}" for peer in peers]]
    rows = []
    for cell, by in cells.items():
        own = _figure(by, base, "cpu_ns")
        rows.append([_row_label(results, cell), _number(own), *[_ratio(_figure(by, peer, "cpu_ns"), own) for peer in peers]])
    return _table(heads, rows)


def _latencies(results, cells):
    names = _names(results, "ours") + _names(results, "limit") + _names(results, "peer")
    rows = []
    for cell, by in cells.items():
        for name in names:
            if name in by:
                b = by[name]
                figures = [f"{b[key]:.0f}" for key in ("p50_us", "p99_us", "p999_us")]
                rows.append([f"{_row_label(results, cell)}: {name}", _number(b["per_second"]), *figures])
    return _table(["server", "messages/s", "p50, µs", "p99, µs", "p99.9, µs"], rows)


def _plain(results, group, unit, key="cpu_ns", per_second=""):
    """One row a server: for groups with few cells."""
    text = ""
    for cell, by in _of_group(results, group).items():
        base = _figure(by, "epoll", key)
        heads = [cell, unit, "÷ epoll"] + ([per_second] if per_second else [])
        rows = []
        for name, figures in sorted(by.items(), key=lambda entry: entry[1][key]):
            row = [name, _number(figures[key]), _ratio(figures[key], base)]
            rows.append(row + ([_number(figures["per_second"])] if per_second else []))
        text += _table(heads, rows) + "\n"
    return text


def _micro(results):
    """Benchmarks are named family/variant/size, and the variants `limit` and `scalar` are what ours is held against."""
    families = {}
    for name, ns in results["micro"].items():
        family, variant, *size = name.split("/")
        families.setdefault((family, "/".join(size)), {})[variant] = ns
    rows = []
    for (family, size), by in sorted(families.items(), key=lambda entry: (entry[0][0], [int(n) for n in re.findall(r"\d+", entry[0][1])])):
        ours, limit, scalar = by.get("ours"), by.get("limit"), by.get("scalar")
        if ours is None:
            continue
        octets = int(size) if size.isdigit() else 0
        rows.append([f"{family} {size}", f"{ours:.1f}", "–" if limit is None else f"{limit:.1f}", _ratio(ours, limit),
                     "–" if scalar is None else f"{scalar:.1f}", f"{octets / ours:.1f}" if octets else "–"])  # fmt: skip
    return _table(["benchmark", "ours, ns", "limit, ns", "÷ limit", "scalar, ns", "GB/s"], rows)


def markdown(results):
    m = results["machine"]
    text = (
        f"One run of revision `{results['revision']}` on {results['date']}: {m['cpu']}, {m['cores']} cores, Linux {m['kernel']}, "
        f"{results['compiler']}; server and generator on a core each, {m['network']}; medians of {results['rounds']} interleaved rounds of "
        f"{results['seconds']} s. The load average before it was {m['load_before']}, and the CPU times of one cell were up to "
        f"{100 * max((f['spread'] for by in results['cells'].values() for f in by.values()), default=0):.0f} % apart.\n\n"
    )
    versions = [entry["version"] for entry in results["servers"].values() if entry["version"]]
    if versions:
        text += f"Peers: {'; '.join(versions)}.\n\n"
    echo = _of_group(results, "echo")
    if echo:
        text += "### Echo beside the limit\n\nCPU time a message, user and system, in ns.\n\n" + _limits(results, echo)
        growth = _growth(results)
        if growth:
            text += "\n### What more costs\n\nCPU time a message, or an octet, over that with less.\n\n" + growth
        for base in ("epoll", "uring", "asio-callbacks", "asio-awaitables"):
            if any(base in by for by in echo.values()) and _names(results, "peer"):
                text += f"\n### Echo beside peers: {base}\n\nTheir CPU time a message over ours; above 1 ours takes less.\n\n" + _peers(results, echo, base)
        text += "\n<details><summary>Messages a second and latencies</summary>\n\n" + _latencies(results, echo) + "\n</details>\n"
    for group, title, unit in (("tls", "Echo over TLS", "ns CPU a message"), ("deflate", "Compressed echo, no context takeover", "ns CPU a message"), ("broadcast", "Broadcast", "ns CPU a delivery")):
        if _of_group(results, group):
            text += f"\n### {title}\n\n" + _plain(results, group, unit, per_second="a second")
    for group, title in (("handshakes", "Handshakes"), ("handshakes-tls", "Handshakes over TLS")):
        if _of_group(results, group):
            text += f"\n### {title}\n\n" + _plain(results, group, "ns CPU each", per_second="a second")
    if _of_group(results, "idle"):
        text += "\n### Idle connections\n\nOctets of the server's memory (PSS) for each; the kernel's for the socket come on top.\n\n"
        text += _plain(results, "idle", "octets each", key="proportional_octets")
    if results.get("micro"):
        text += "\n### Micro benchmarks\n\n" + _micro(results)
    if results["failures"]:
        text += "\n### Failed\n\n" + "".join(f"- {where}: {why}\n" for where, why in results["failures"].items())
    return text


def write_between_markers(path, text):
    page = path.read_text()
    if BEGIN not in page or END not in page:
        raise SystemExit(f"{path} has no place for the tables: {BEGIN} … {END}")
    before, rest = page.split(BEGIN, 1)
    after = rest.split(END, 1)[1]
    path.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{after}")
