"""Are all contestants computing the same? Why: a ratio of times means nothing before the results are equal.

The witness is automatic differentiation in f64, module by module, from the definitions of Equations 6 and 7 alone: no Kronecker factor
and no derivative is written here. It serves small networks only: its Jacobians and blocks are dense.
"""

import numpy as np
import torch
import torch.nn.functional as F
from torch.func import hessian, jacrev, vmap

from problem import ALPHA, AUTODIFF, FORWARD, GAMMA, GRADIENT, ITERATIONS, KFLR, PASSES, TOLERANCE, split

LIMIT = 1e-4


class Reference:
    """Loss, gradients, dense blocks (vec stacks columns) and steps of a small problem, in f64."""

    def __init__(self, problem):
        self.labels = torch.from_numpy(problem.labels)
        self.parameters = [
            [torch.from_numpy(v).double().requires_grad_() for v in pair]
            for pair in zip(problem.weights, problem.biases)
        ]
        self.values = [torch.from_numpy(problem.x).double().requires_grad_()]
        self.modules = []  # (function of the value and of weight and bias, layer or None)
        for layer, (w, b) in enumerate(self.parameters):
            self._apply(lambda x, w, b: w @ x + b, layer)
            if layer < len(self.parameters) - 1:
                self._apply(torch.sigmoid, None)
        losses = F.cross_entropy(self.values[-1], self.labels, reduction="none")
        self.loss = losses.mean()
        flat = [v for pair in self.parameters for v in pair]
        grads = torch.autograd.grad(self.loss, flat, retain_graph=True)
        self.grads = list(zip(grads[::2], grads[1::2]))
        # per sample, not yet divided by their number
        self.deltas = torch.autograd.grad(losses.sum(), self.values)
        self.top = vmap(hessian(F.cross_entropy))(self.values[-1], self.labels)

    def _apply(self, function, layer):
        parameters = () if layer is None else self.parameters[layer]
        self.modules.append((function, layer))
        self.values.append(vmap(lambda x: function(x, *parameters))(self.values[-1]))

    def blocks(self, mode, curvature):
        """The (weight, bias) blocks by Equation 6 (average-hessian) or 7 (average-jacobian)."""
        found = [None] * len(self.parameters)
        h = _positive(self.top.mean(0)) if curvature == "pch-abs" else self.top.mean(0)
        for (function, layer), x, delta in reversed(list(zip(self.modules, self.values, self.deltas[1:]))):
            parameters = () if layer is None else self.parameters[layer]
            if layer is not None:
                jacobians = [vmap(jacrev(function, 1 + i), (0, None, None))(x, *parameters) for i in range(2)]
                # vec stacks columns: outputs × n × m, then flat
                weight = jacobians[0].transpose(-1, -2).flatten(2)
                found[layer] = _mean_congruence(weight, h, mode), _mean_congruence(jacobians[1], h, mode)
            jacobian = vmap(lambda v: jacrev(function)(v, *parameters))(x)
            h = _mean_congruence(jacobian, h, mode)
            if curvature == "pch-abs":
                residual = vmap(lambda v, d: hessian(lambda u: d @ function(u, *parameters))(v))(x, delta)
                h = h + _positive(residual.mean(0))
        return found

    def factored_roots(self):
        """The (weight, bias) blocks of KFLR: E[xxᵀ] ⊗ E[Jᵀ ℋ J] with J the Jacobian of the logits by the layer's output."""
        found, travelling = [None] * len(self.parameters), self.top
        for (function, layer), x in reversed(list(zip(self.modules, self.values))):
            parameters = () if layer is None else self.parameters[layer]
            if layer is not None:
                mean = travelling.mean(0)
                found[layer] = torch.kron(x.T @ x / len(x), mean), mean
            jacobian = vmap(lambda v: jacrev(function)(v, *parameters))(x)
            travelling = jacobian.transpose(1, 2) @ travelling @ jacobian
        return found

    def steps(self, blocks):
        """Δ of Equation 8 for every weight and bias."""
        found = []
        for pair, grads in zip(blocks, self.grads):
            steps = []
            for block, gradient in zip(pair, grads):
                # the transpose of a weight in row order is the weight in column order
                step = _conjugate_gradients(block.detach().numpy(), gradient.t().flatten().numpy())
                steps.append(step.reshape(gradient.t().shape).T)
            found.append(tuple(steps))
        return found


def _mean_congruence(jacobian, h, mode):
    if mode == "average-jacobian":
        return jacobian.mean(0).T @ h @ jacobian.mean(0)
    return (jacobian.transpose(1, 2) @ h @ jacobian).mean(0)


def _positive(matrix):
    values, vectors = torch.linalg.eigh(matrix)
    return vectors * values.abs() @ vectors.T


def _conjugate_gradients(block, gradient):
    matrix = ALPHA * np.eye(len(gradient)) + (1 - ALPHA) * block
    step, r = np.zeros_like(gradient), -gradient
    p, first = r, r @ r
    for _ in range(ITERATIONS):
        if r @ r <= TOLERANCE**2 * first:
            break
        q = matrix @ p
        length = (r @ r) / (p @ q)
        step, following = step + length * p, r - length * q
        p = following + (following @ following) / (r @ r) * p
        r = following
    return step


def expected(problem):
    """What every pass should give, as arrays by name."""
    reference = Reference(problem)
    common = {"loss": reference.loss} | _named("grad", reference.grads)
    found = {FORWARD: {"loss": reference.loss}, GRADIENT: common, AUTODIFF: common}
    found[KFLR] = common | _named("hess", reference.factored_roots())
    for name in PASSES:
        if name.startswith("update/"):
            found[name] = _named("step", reference.steps(reference.blocks(*split(name))))
        elif "/" in name:
            found[name] = common | _named("hess", reference.blocks(*split(name)))
    return {name: {key: _array(value) for key, value in arrays.items()} for name, arrays in found.items()}


def arrays(result, problem):
    """The same, from what a contestant's pass returned: blocks multiplied out, steps from old and new parameters."""
    found = {"loss": result["loss"]} | _named("grad", result.get("grads", []))
    if "blocks" in result:
        found |= _named("hess", [_dense(*factors) for factors in result["blocks"]])
    if "new" in result:
        old = zip(problem.weights, problem.biases)
        steps = [[(_array(n) - o) / GAMMA for n, o in zip(*pairs)] for pairs in zip(result["new"], old)]
        found = _named("step", steps)
    return {key: _array(value) for key, value in found.items()}


def error(found, wanted):
    """(largest relative error, its array) over the arrays of a pass; a missing array counts as wrong."""
    worst = 0.0, "loss"
    for key, value in wanted.items():
        have = found.get(key)
        if have is None or have.shape != value.shape or not np.all(np.isfinite(have)):
            return np.inf, key
        scale = np.linalg.norm(value) or 1.0
        worst = max(worst, (float(np.linalg.norm(have - value) / scale), key))
    return worst


def _dense(a, h):
    a, h = _array(a), _array(h)
    a = np.outer(a, a) if a.ndim == 1 else a
    return np.kron(a, h), h


def _named(kind, pairs):
    found = {}
    for layer, (weight, bias) in enumerate(pairs, 1):
        found |= {f"{kind}.h{layer}.W": weight, f"{kind}.h{layer}.b": bias}
    return found


def _array(value):
    if isinstance(value, torch.Tensor):
        value = value.detach().numpy()
    return np.asarray(value, dtype=np.float64)
