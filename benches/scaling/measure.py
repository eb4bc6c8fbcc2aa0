#!/usr/bin/env python3
"""How time and memory grow with width, depth and batch size. Why a script: each size is a network of its own, and what is
measured is what `hbp bench --json` says of it, so that everyone can measure the same.

    cargo build --release
    python3 benches/scaling/measure.py            # about three minutes on two idle cores
    python3 benches/scaling/measure.py --quick --out /tmp/scaling

It needs Python 3.8 and nothing else, and writes README.md and scaling.svg beside itself, or into --out.
"""

import argparse
import json
import math
import pathlib
import subprocess

PASSES = {
    "gradient": "#4477aa",
    "average-jacobian/pch-abs": "#228833",
    "average-hessian/pch-abs": "#ee6677",
    "kflr": "#aa3377",
}
LABELS = {
    "gradient": "gradient",
    "average-jacobian/pch-abs": "(7), PCH-abs",
    "average-hessian/pch-abs": "(6), PCH-abs",
    "kflr": "KFLR",
}
CLASSES = 10
# What does not vary.
BASE = {"width": 256, "depth": 4, "batch size": 128}
AXES = {
    "width": [64, 128, 256, 512, 1024, 2048, 4096],
    "depth": [2, 4, 8, 16, 32, 64],
    "batch size": [1, 4, 16, 64, 256, 1024, 4096],
}
QUICK = {"width": [64, 128, 256], "depth": [2, 4, 8], "batch size": [1, 16, 128]}


def network(width, depth):
    """A chain of sigmoid layers of one width, and ten classes."""
    lines = [f"input x: R[{width}]", f"target y: R[{CLASSES}]"]
    last = "x"
    for layer in range(1, depth):
        lines += [f"h{layer} = linear[{width}]({last})", f"a{layer} = sigmoid(h{layer})"]
        last = f"a{layer}"
    lines += [f"z = linear[{CLASSES}]({last})", "loss softmax_cross_entropy(z, y)"]
    return "network chain {\n    " + "\n    ".join(lines) + "\n}\n"


def bench(arguments, size):
    """What `hbp bench` says of one size."""
    command = [arguments.hbp, "bench", "-", "--json", "--batch-size", str(size["batch size"])]
    command += ["--dtype", arguments.dtype, "--seconds", str(arguments.seconds)]
    command += ["--passes", ",".join(PASSES)]
    if arguments.threads:
        command += ["--threads", str(arguments.threads)]
    text = network(size["width"], size["depth"])
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{size}: hbp bench failed:\n{done.stderr}")
    return json.loads(done.stdout)


def exponent(points):
    """The slope between the last two points, both axes logarithmic."""
    if len(points) < 2:
        return float("nan")
    (x0, y0), (x1, y1) = points[-2:]
    return math.log(y1 / y0) / math.log(x1 / x0)


def curves(results, axis, key):
    """By pass: the sizes and values."""
    found = {}
    for value, result in results[axis]:
        for name, measured in result["passes"].items():
            found.setdefault(name, []).append((value, measured[key]))
    return found


def table(results, axis):
    """Time and arena of every size, and how they grow at the end."""
    lines = [f"| {axis} | " + " | ".join(f"{LABELS[p]}: ms | MB" for p in PASSES) + " |"]
    lines.append("| ---: " * (1 + 2 * len(PASSES)) + "|")
    for value, result in results[axis]:
        cells = []
        for name in PASSES:
            measured = result["passes"].get(name)
            if measured is None:
                cells += ["–", "–"]
            else:
                cells += [f"{measured['min_ms']:.3f}", f"{measured['arena_bytes'] / 1e6:.2f}"]
        lines.append(f"| {value} | " + " | ".join(cells) + " |")
    times, arenas = (curves(results, axis, key) for key in ("min_ms", "arena_bytes"))
    slopes = [f"{exponent(of.get(name, [])):.2f}" for name in PASSES for of in (times, arenas)]
    lines.append("| *exponent at the end* | " + " | ".join(slopes) + " |")
    return "\n".join(lines)


def ticks(low, high):
    """Powers of ten between two numbers, at least one on each side."""
    return range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)


def panel(results, axis, key, scale, unit, corner):
    """One diagram, both axes logarithmic."""
    width, height, (left, top) = 250, 190, corner
    lines = curves(results, axis, key)
    xs = [x for points in lines.values() for x, _ in points]
    ys = [y * scale for points in lines.values() for _, y in points]
    powers = ticks(min(ys), max(ys))
    low, high = powers[0], max(powers[-1], powers[0] + 1)
    span = math.log(max(xs) / min(xs)) or 1.0

    def place(x, y):
        across = left + width * math.log(x / min(xs)) / span
        return across, top + height * (high - math.log10(y)) / (high - low)

    out = [f'<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="none" stroke="#999"/>']
    for power in range(low, high + 1):
        y = place(min(xs), 10.0**power)[1]
        out.append(f'<path d="M{left} {y:.1f}h{width}" stroke="#ddd"/>')
        out.append(f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for value in sorted(set(xs)):
        x = place(value, 10.0**low)[0]
        out.append(f'<text x="{x:.1f}" y="{top + height + 16}" text-anchor="middle">{value}</text>')
    out.append(f'<text x="{left}" y="{top - 8}">{unit} against {axis}</text>')
    for name, points in lines.items():
        places = [place(x, y * scale) for x, y in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        out.append(f'<polyline points="{path}" fill="none" stroke="{PASSES[name]}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{PASSES[name]}"/>' for x, y in places]
    return out


def figure(results):
    """All diagrams: a row for time, a row for memory."""
    out = [
        '<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="560" viewBox="0 0 1000 560"'
        ' font-family="sans-serif" font-size="11">',
        '<rect width="1000" height="560" fill="white"/>',
    ]
    for column, axis in enumerate(results):
        left = 60 + 320 * column
        out += panel(results, axis, "min_ms", 1.0, "ms", (left, 40))
        out += panel(results, axis, "arena_bytes", 1e-6, "MB of buffers", (left, 290))
    for place, (name, colour) in enumerate(PASSES.items()):
        x = 60 + 200 * place
        out.append(f'<rect x="{x}" y="525" width="14" height="14" fill="{colour}"/>')
        out.append(f'<text x="{x + 20}" y="537">{LABELS[name]}</text>')
    return "\n".join(out + ["</svg>", ""])


def page(results, command):
    """The tables with what they were measured on."""
    first = results["width"][0][1]
    base = ", ".join(f"{name} {value}" for name, value in BASE.items())
    text = [
        "# How passes scale",
        f"Chains of `linear` and `sigmoid` of one width with {CLASSES} classes; where it does not vary, {base}.",
        f"{first['machine']}; {first['threads']} threads, {first['dtype']}. The least time of a warm run, with forward and gradient pass;",
        f"MB are all buffers, parameters and inputs included. Written by `{command}`.",
        "Time and memory grow linearly with depth and batch size; with width the gradient grows as its weights, and (7) and (6) as W'HW, n²m a layer,",
        "whatever the batch size: where that is far below the width, KFLR is the cheaper.",
        "",
        "![time and memory against width, depth and batch size](scaling.svg)",
    ]
    for axis in results:
        text += ["", f"## {axis.capitalize()}", "", table(results, axis)]
    return "\n".join(text) + "\n"


def main():
    here = pathlib.Path(__file__).resolve().parent
    parser = argparse.ArgumentParser(description="Measures how passes scale.")
    parser.add_argument("--hbp", default=str(here.parents[1] / "target/release/hbp"), help="the program")
    parser.add_argument("--out", type=pathlib.Path, default=here, help="the folder to write to")
    parser.add_argument("--dtype", default="f32", choices=["f64", "f32"])
    parser.add_argument("--threads", type=int, help="all cores without it")
    parser.add_argument("--seconds", type=float, default=0.3, help="for each pass at each size")
    parser.add_argument("--quick", action="store_true", help="few and small sizes")
    arguments = parser.parse_args()
    results = {}
    for axis, values in (QUICK if arguments.quick else AXES).items():
        results[axis] = []
        for value in values:
            results[axis].append((value, bench(arguments, {**BASE, axis: value})))
            print(f"{axis} {value}", flush=True)
    arguments.out.mkdir(parents=True, exist_ok=True)
    command = "python3 benches/scaling/measure.py" + (" --quick" if arguments.quick else "")
    (arguments.out / "README.md").write_text(page(results, command), encoding="utf-8")
    (arguments.out / "scaling.svg").write_text(figure(results), encoding="utf-8")


if __name__ == "__main__":
    main()
