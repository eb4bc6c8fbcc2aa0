"""Times the passes of `hbp` against PyTorch, JAX and BackPACK, in turns. Why: ratios within one run mean something on any machine.

A round runs every pass in every framework, one after the other, then `hbp bench` once; several rounds make the table. What is slow for a
while is so for everybody.
"""

import argparse
import ctypes
import gc
import json
import os
import platform
import statistics
import sys
import time
import warnings
from importlib.metadata import version

from problem import GRADIENT, PAPER, PASSES, problem, products

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
SECONDS, LEAST, MOST = 0.25, 3, 300  # of one pass in one round
BUSY_LOAD, BUSY_SPREAD = 0.5, 1.25  # load before the start; the unit's median over its minimum
SMALL = (7, 6, 5, 4, 3), 9  # sizes and batch of the comparison of values


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="""examples:
  compare.py --check
  compare.py --hbp ../../target/release/hbp --json paper.json
  compare.py --sizes 20,15,10,5 --batch-size 4 --threads 1

The table is on stdout, the progress on stderr. Exit 0: done; 1: the values differ; 2: bad input.""",
    )
    parser.add_argument("--hbp", metavar="PATH", help="the binary of hbp; without it, the peers alone")
    parser.add_argument("--sizes", type=_sizes, default=PAPER, help="of input, layers and classes [default: the paper's]")
    parser.add_argument("--batch-size", type=_positive, default=500, metavar="B", help="samples [default: 500]")
    parser.add_argument("--threads", type=_positive, default=len(_cores()), metavar="N", help="[default: all cores]")
    parser.add_argument("--rounds", type=_positive, default=7, metavar="N", help="[default: 7]")
    parser.add_argument("--limit", type=_positive, default=300, metavar="SECONDS", help="begin no round that would end later [default: 300]")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of the data and the weights [default: 0]")
    parser.add_argument("--check", action="store_true", help="compare the values on a small network, and time nothing")
    parser.add_argument("--compile", action="store_true", help="PyTorch through torch.compile, too (a C++ compiler, and minutes, are needed)")
    parser.add_argument("--json", metavar="FILE", help="write every single time, too")
    chosen = parser.parse_args()
    if chosen.threads > len(_cores()):
        parser.error(f"--threads {chosen.threads}: this process may use {len(_cores())} cores")
    if chosen.json and not os.path.isdir(os.path.dirname(chosen.json) or "."):
        parser.error(f"--json {chosen.json}: there is no such folder")
    if chosen.seed < 0:
        parser.error("--seed: a number from 0")
    return chosen


def main():
    # PyTorch warns of what BackPACK calls; nothing of it is the reader's to change.
    warnings.filterwarnings("ignore", module=r"torch\.|backpack")
    chosen = arguments()
    started, load = time.monotonic(), os.getloadavg()[0]
    prepare(chosen.threads)
    from hbp_peer import Failure, Hbp

    try:
        hbp = Hbp(chosen.hbp, chosen.threads) if chosen.hbp else None
        if hbp:
            hbp.version()  # is it there at all?
        if not check(hbp, chosen.compile):
            return 1
        if not chosen.check:
            measured = measure(chosen, hbp, started, load)
            print(table(measured))
            if chosen.json:
                with open(chosen.json, "w", encoding="utf-8") as file:
                    json.dump(measured, file, indent=1)
    except (Failure, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def prepare(threads):
    """Equal terms, before anything is imported: so many cores for all, and memory that is kept and not given back between passes."""
    os.environ["JAX_PLATFORMS"] = "cpu"
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NPROC"):
        os.environ[name] = str(threads)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, set(sorted(_cores())[:threads]))
    if platform.libc_ver()[0] == "glibc":
        # A fresh 3072 × 3072 matrix from the system costs a fifth of the product that fills it, in page faults.
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_MAX, 0)
        libc.mallopt(M_TRIM_THRESHOLD, 2**31 - 1)
    import torch

    torch.set_num_threads(threads)


def contestants(data, compiled):
    from backpack_peer import BackPack
    from jax_peer import Jax
    from torch_peer import Autograd, Compiled, Torch

    return [Torch(data), Autograd(data)] + [Compiled(data)] * compiled + [Jax(data), BackPack(data)]


def check(hbp, compiled):
    """Compares the values of all contestants with automatic differentiation; prints one line for each, on stderr."""
    from reference import LIMIT, arrays, error, expected

    sizes, batch = SMALL
    # Larger weights than Xavier's, and biases: otherwise Equations 6 and 7, and curvatures, hardly differ.
    data = problem(sizes, batch, seed=1, gain=3.0, biases=True)
    wanted = expected(data)
    agreed = True

    def compare(who, name, found):
        size, key = error(found, wanted[name])
        verdict = "equal" if size <= LIMIT else "DIFFERENT"
        print(f"check  {who:<16} {name:<33} {size:8.1e}  {verdict}, worst in {key}", file=sys.stderr)
        return size <= LIMIT

    for contestant in contestants(data, compiled):
        for name, call in contestant.passes().items():
            try:
                found = arrays(call(), data)
            except Exception as failure:  # what a library raises is its answer
                print(f"check  {contestant.name:<16} {name:<33} raises {_said(failure)}", file=sys.stderr)
                agreed &= contestant.name == "BackPACK"
                continue
            agreed &= compare(contestant.name, name, found)
    if hbp:
        for name, found in hbp.values(data).items():
            agreed &= compare(hbp.name, name, found)
        print("check  hbp              updates are not among what `hbp run` writes: not compared", file=sys.stderr)
    return agreed


def measure(chosen, hbp, started, load):
    """All times, in rounds, and what they were taken on."""
    from hbp_peer import Failure

    data = problem(chosen.sizes, chosen.batch_size, chosen.seed)
    everyone = [(one.name, one.passes(), one) for one in contestants(data, chosen.compile)]
    names = list(dict.fromkeys(name for name, _, _ in everyone))
    measured = {
        "machine": machine(),
        "versions": versions(hbp),
        "sizes": list(chosen.sizes),
        "batch_size": chosen.batch_size,
        "threads": chosen.threads,
        "load_before": load,
        "contestants": names + ([hbp.name] if hbp else []),
        "sgemm_gflops": [sgemm()],
        "failures": {},
        "rounds": [],
        "hbp": [],
    }
    lasted = 0.0
    gc.disable()
    for number in range(chosen.rounds):
        began = time.monotonic()
        if number and began - started + lasted > chosen.limit:
            print(f"stopped after {number} rounds: the next would end after {chosen.limit} s", file=sys.stderr)
            break
        times = {}
        for name in PASSES:
            for who, passes, _ in everyone:
                if name not in passes or name in measured["failures"].get(who, {}):
                    continue
                try:
                    times.setdefault(who, {})[name] = timed(passes[name])
                except Exception as failure:  # what a library raises is its answer
                    if (who, name) == (everyone[0][0], GRADIENT):
                        raise Failure(f"the unit of the table cannot be measured: {_said(failure)}") from failure
                    measured["failures"].setdefault(who, {})[name] = _said(failure)
        if hbp:
            report = hbp.bench(chosen.sizes, chosen.batch_size, chosen.seed)
            measured["hbp"].append(report)
            times[hbp.name] = {name: [one["median_ms"], one["min_ms"]] for name, one in report["passes"].items()}
        measured["rounds"].append(times)
        gc.collect()
        lasted = time.monotonic() - began
        print(f"round {number + 1} of {chosen.rounds}: {lasted:.0f} s", file=sys.stderr)
    measured["sgemm_gflops"].append(sgemm())
    measured["iterations"] = everyone[0][2].iterations
    measured["seconds"] = time.monotonic() - started
    return measured


def timed(call):
    """Milliseconds of several calls, after one that does not count."""
    time.sleep(0.005)  # threads of the one before stop spinning
    call()
    times, began = [], time.perf_counter()
    while len(times) < LEAST or (len(times) < MOST and time.perf_counter() - began < SECONDS):
        start = time.perf_counter()
        result = call()
        times.append((time.perf_counter() - start) * 1e3)
        del result
    return times


def sgemm():
    """GFLOP/s of a product of two 2048 × 2048 matrices in f32, the best of several."""
    import torch

    a, b = torch.rand(2048, 2048), torch.rand(2048, 2048)
    out = torch.empty(2048, 2048)
    return 2 * 2048**3 / min(timed(lambda: torch.mm(a, b, out=out))) / 1e6


def table(measured):
    """The Markdown: what was measured on what, ratios, and notes."""
    names = measured["contestants"]
    rounds = measured["rounds"]
    unit = [statistics.median(times["PyTorch"][GRADIENT]) for times in rounds]
    least = min(min(times["PyTorch"][GRADIENT]) for times in rounds)

    def cell(who, name):
        if name in measured["failures"].get(who, {}):
            return "raises"
        pairs = [(times[who][name], base) for times, base in zip(rounds, unit) if name in times.get(who, {})]
        if not pairs:
            return "–"
        # hbp reports its own median and minimum; the median of the two would be neither
        middle = statistics.median((t[0] if who == "hbp" else statistics.median(t)) / base for t, base in pairs)
        smallest = min(min(t) for t, _ in pairs) / least
        return f"{middle:.2f} ({smallest:.2f})"

    sizes = "-".join(map(str, measured["sizes"]))
    flops = products(measured["sizes"], measured["batch_size"])
    peak = max(measured["sgemm_gflops"])
    lines = [
        f"**{sizes}, batch {measured['batch_size']}, f32, {measured['threads']} threads.** {measured['machine']}; {measured['versions']}.",
        f"Load average before the start {measured['load_before']:.2f}; 2048³ sgemm "
        + ", ".join(f"{rate:.0f}" for rate in measured["sgemm_gflops"])
        + " GFLOP/s (before, after).",
        f"Unit: PyTorch's forward + gradient by hand, median {statistics.median(unit):.3g} ms, minimum {least:.3g} ms"
        f" ({flops / least / 1e6:.3g} GFLOP/s, {100 * flops / least / 1e6 / peak:.3g} % of the sgemm)."
        f" {len(rounds)} rounds; ratio of medians, in brackets of minima.",
    ]
    if measured["load_before"] > BUSY_LOAD or statistics.median(unit) > BUSY_SPREAD * least:
        lines.append("**The machine was busy: these figures are no result.**")
    lines += [
        "",
        "| pass | " + " | ".join(names) + " |",
        "| --- |" + " --- |" * len(names),
    ]
    lines += [f"| {name} | " + " | ".join(cell(who, name) for who in names) + " |" for name in PASSES]
    lines.append("")
    for who, failed in measured["failures"].items():
        lines += [f"{who} raises at {name}: {said}" for name, said in failed.items()]
    for name, counts in measured["iterations"].items():
        lines.append(f"{name}: PyTorch's CG iterations by block (h1.W, h1.b, h2.W, …): {' '.join(map(str, counts))}")
    compiling = [report["passes"]["compile"]["min_ms"] for report in measured["hbp"] if "compile" in report["passes"]]
    if compiling:
        lines.append(f"hbp compiles the network in {statistics.median(compiling):.3g} ms (minimum {min(compiling):.3g} ms).")
    lines.append(f"All of it took {measured['seconds']:.0f} s.")
    return "\n".join(lines)


def machine():
    model = platform.processor() or platform.machine()
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), model)
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, {platform.system()}"


def versions(hbp):
    names = {"torch": "PyTorch", "jax": "JAX", "backpack-for-pytorch": "BackPACK"}
    found = [f"Python {platform.python_version()}"] + [f"{name} {version(key)}" for key, name in names.items()]
    return ", ".join(found + ([hbp.version()] if hbp else []))


def _said(failure):
    text = str(failure).strip().splitlines() or [""]
    return f"{type(failure).__name__}: {text[0]}"


def _cores():
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)


def _positive(text):
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"`{text}` is not a number from 1")
    return number


def _sizes(text):
    sizes = tuple(_positive(part) for part in text.replace("-", ",").split(","))
    if len(sizes) < 2 or sizes[-1] < 2:
        raise argparse.ArgumentTypeError("an input, layers, and at least two classes, as in 20,15,10,5")
    return sizes


if __name__ == "__main__":
    sys.exit(main())
