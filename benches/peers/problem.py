"""The network, its data and the passes. Why: every contestant gets the same arrays and means the same by a pass's name."""

from dataclasses import dataclass

import numpy as np

PAPER = (3072, 1024, 512, 256, 128, 64, 32, 16, 10)

FORWARD, GRADIENT, AUTODIFF, KFLR = "forward", "gradient", "gradient, by autodiff", "kflr"
PASSES = (
    FORWARD,
    GRADIENT,
    AUTODIFF,
    "average-jacobian/pch-abs",
    "average-jacobian/ggn",
    "average-hessian/pch-abs",
    "average-hessian/ggn",
    KFLR,
    "update/average-jacobian/pch-abs",
    "update/average-hessian/pch-abs",
)

# Equation 8: [αI + (1−α)ℋ] Δ = −δ by conjugate gradients until ‖r‖ ≤ 0.1 ‖δ‖, at most 50 iterations; θ += γΔ.
ALPHA, GAMMA, TOLERANCE, ITERATIONS = 0.02, 0.1, 0.1, 50


@dataclass
class Problem:
    """A sigmoid network that ends in softmax cross-entropy, and one batch.

    x: samples × inputs, f32; labels: samples, integers; weights[l]: outputs × inputs; biases[l]: outputs.
    """

    sizes: tuple
    x: np.ndarray
    labels: np.ndarray
    weights: list
    biases: list

    @property
    def batch(self):
        return len(self.x)


def problem(sizes, batch, seed, gain=1.0, biases=False):
    """Uniform inputs, random classes, Xavier-normal weights times `gain`; zero biases, or normal ones."""
    random = np.random.default_rng(seed)
    x = random.random((batch, sizes[0]), dtype=np.float32)
    labels = random.integers(0, sizes[-1], batch)
    weights, offsets = [], []
    for n, m in zip(sizes, sizes[1:]):
        deviation = gain * np.sqrt(2.0 / (n + m))
        weights.append((deviation * random.standard_normal((m, n))).astype(np.float32))
        offset = random.standard_normal(m) if biases else np.zeros(m)
        offsets.append(offset.astype(np.float32))
    return Problem(tuple(sizes), x, labels, weights, offsets)


def split(name):
    """(batch mode, curvature) of a curvature pass, whether it is an update or not."""
    batch, curvature = name.removeprefix("update/").split("/")
    return batch, curvature


def network_text(sizes):
    """The network in the `.hbp` language, named `net`: the same layers as `examples/paper.hbp` at other sizes."""
    lines = ["network net {", f"    input  x: R[{sizes[0]}]", f"    target y: R[{sizes[-1]}]"]
    value = "x"
    for layer, size in enumerate(sizes[1:], 1):
        lines.append(f"    h{layer} = linear[{size}]({value})")
        value = f"h{layer}"
        if layer < len(sizes) - 1:
            lines.append(f"    a{layer} = sigmoid(h{layer})")
            value = f"a{layer}"
    lines += [f"    loss softmax_cross_entropy({value}, y)", "}", ""]
    return "\n".join(lines)


def products(sizes, batch):
    """Flops of the matrix products of forward and gradient: three products a layer, one fewer in the first."""
    pairs = list(zip(sizes, sizes[1:]))
    return sum(6 * batch * n * m for n, m in pairs) - 2 * batch * pairs[0][0] * pairs[0][1]
