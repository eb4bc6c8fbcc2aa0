"""The program itself, as a process. Why: it is compared as its users run it, with nothing of Python in the measured time."""

import json
import subprocess
import tempfile
from pathlib import Path

import numpy as np

from problem import FORWARD, GRADIENT, KFLR, PAPER, PASSES, network_text, split

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "paper.hbp"


class Failure(Exception):
    """`hbp` said no, with what it said."""


class Hbp:
    """`hbp bench` for times and `hbp run` for values."""

    name = "hbp"

    def __init__(self, path, threads):
        self.path = path
        self.threads = threads

    def version(self):
        return self._run(["--version"]).strip()

    def bench(self, sizes, batch, seed):
        """What `hbp bench --json` reports: passes by name, each with `min_ms`, `median_ms` and its counts."""
        with tempfile.TemporaryDirectory() as folder:
            command = ["bench", self._file(sizes, folder), "--batch-size", str(batch), "--dtype", "f32"]
            command += ["--threads", str(self.threads), "--seed", str(seed), "--json"]
            text = self._run(command)
        try:
            report = json.loads(text)
            passes = report["passes"]
        except (ValueError, KeyError, TypeError) as error:
            raise Failure(f"`hbp bench --json` did not print the object of passes: {error}") from error
        if isinstance(passes, list):
            report["passes"] = {entry["name"]: entry for entry in passes}
        return report

    def values(self, problem):
        """The arrays of every pass that `hbp run` can give, by pass."""
        found = {}
        with tempfile.TemporaryDirectory() as folder:
            file, data, out = self._file(problem.sizes, folder), f"{folder}/in.npz", f"{folder}/out.npz"
            given = {"x": problem.x, "y": problem.labels}
            for layer, (w, b) in enumerate(zip(problem.weights, problem.biases), 1):
                given |= {f"h{layer}.W": w, f"h{layer}.b": b}
            np.savez(data, **given)
            for name in PASSES:
                if name == KFLR:
                    choice = ["--scheme", "kflr"]
                elif "/" in name and not name.startswith("update/"):
                    mode, curvature = split(name)
                    choice = ["--batch", mode, "--curvature", curvature]
                else:
                    continue
                self._run(["run", file, "--data", data, "--out", out, "--dense", "--dtype", "f32", *choice])
                with np.load(out) as arrays:
                    found[name] = {key: value.astype(np.float64) for key, value in arrays.items() if value.dtype.kind == "f"}
        for name in (FORWARD, GRADIENT):
            found[name] = found[KFLR]
        return found

    def _file(self, sizes, folder):
        if tuple(sizes) == PAPER:
            return str(EXAMPLE)
        path = Path(folder) / "net.hbp"
        path.write_text(network_text(sizes))
        return str(path)

    def _run(self, arguments):
        try:
            done = subprocess.run([self.path, *arguments], capture_output=True, text=True, timeout=600)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise Failure(f"{self.path}: {error}") from error
        if done.returncode:
            raise Failure(f"`{self.path} {' '.join(arguments)}` ended with {done.returncode}:\n{done.stderr.strip()}")
        return done.stdout
