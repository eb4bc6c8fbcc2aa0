"""PyTorch by hand. Why: the hand-written HBP equations at the speed of MKL are the mark to beat, and the unit of the table.

The equations are those of Dangel & Hennig for a chain of linear layers and sigmoids, for all samples at once; a sample is a row, so
Z = X Wᵀ + b. Gradients δ carry the factor 1/B of the mean from the start. Matrices that BLAS can scale while it multiplies are
scaled there.
"""

import torch
import torch.nn.functional as F

from problem import ALPHA, AUTODIFF, FORWARD, GAMMA, GRADIENT, ITERATIONS, KFLR, PASSES, TOLERANCE, split

_IGNORED = torch.zeros(1, 1)


def _scaled(a, b, factor):
    """factor · a b, in one product."""
    return torch.addmm(_IGNORED, a, b, beta=0, alpha=factor)


class Torch:
    """The passes by name; each returns a dictionary of what it computed."""

    name = "PyTorch"

    def __init__(self, problem):
        self.x = torch.from_numpy(problem.x)
        self.labels = torch.from_numpy(problem.labels)
        self.weights = [torch.from_numpy(w) for w in problem.weights]
        self.biases = [torch.from_numpy(b) for b in problem.biases]
        self.rows = torch.arange(problem.batch)
        self.batch = problem.batch
        self.iterations = {}

    def passes(self):
        found = {FORWARD: self.forward, GRADIENT: self.gradient, KFLR: self.kflr}
        found |= {name: self._curvature(*split(name)) for name in PASSES if name.startswith("average-")}
        found = {name: self._ready(function) for name, function in found.items()}
        updates = [name for name in PASSES if name.startswith("update/")]
        return found | {name: self._update(name, found[name.removeprefix("update/")]) for name in updates}

    def _ready(self, function):
        return torch.inference_mode()(function)

    def forward(self):
        return {"loss": F.cross_entropy(self._values()[-1], self.labels)}

    def gradient(self):
        result, *_ = self._gradient()
        return result

    def kflr(self):
        """A root S of every sample's Hessian travels: as many columns as classes. Factors E[xxᵀ] and E[SSᵀ]."""
        result, values, slopes, _, p = self._gradient()
        # diag p − p pᵀ = S Sᵀ with S = diag √p − p √pᵀ; its columns are rows here: samples × columns × outputs
        root = p.sqrt()
        s = torch.diag_embed(root) - root[:, :, None] * p[:, None, :]
        blocks = [None] * len(self.weights)
        for layer in reversed(range(len(self.weights))):
            x, flat = values[layer], s.reshape(-1, s.shape[-1])
            blocks[layer] = _scaled(x.T, x, 1 / self.batch), _scaled(flat.T, flat, 1 / self.batch)
            if layer:
                s = (flat @ self.weights[layer]).view(self.batch, p.shape[1], -1)
                s.mul_(slopes[layer][:, None, :])
        return result | {"blocks": blocks}

    def _values(self):
        """The input, every activation, and the logits."""
        values = [self.x]
        for w, b in zip(self.weights[:-1], self.biases):
            values.append(F.linear(values[-1], w, b).sigmoid_())
        values.append(F.linear(values[-1], self.weights[-1], self.biases[-1]))
        return values

    def _gradient(self):
        values = self._values()
        log_p = F.log_softmax(values[-1], 1)
        p = log_p.exp()
        delta = p / self.batch
        delta[self.rows, self.labels] -= 1 / self.batch
        grads, slopes, deltas = ([None] * len(self.weights) for _ in range(3))
        for layer in reversed(range(len(self.weights))):
            deltas[layer] = delta
            grads[layer] = delta.T @ values[layer], delta.sum(0)
            if layer:
                a = values[layer]
                slopes[layer] = torch.addcmul(a, a, a, value=-1)  # φ′ = a (1 − a)
                delta = (delta @ self.weights[layer]).mul_(slopes[layer])
        return {"loss": F.nll_loss(log_p, self.labels), "grads": grads}, values, slopes, deltas, p

    def _curvature(self, mode, curvature):
        def run():
            result, values, slopes, deltas, p = self._gradient()
            # The mean of diag p − p pᵀ has no negative eigenvalues: |·| leaves it as it is.
            h = torch.diag(p.mean(0)) - p.T @ p / self.batch
            blocks = [None] * len(self.weights)
            for layer in reversed(range(len(self.weights))):
                x, w = values[layer], self.weights[layer]
                if mode == "average-hessian":
                    blocks[layer] = _scaled(x.T, x, 1 / self.batch), h
                else:
                    blocks[layer] = x.mean(0), h
                if not layer:
                    break
                slope = slopes[layer]
                if mode == "average-hessian":
                    h = (w.T @ (h @ w)).mul_(_scaled(slope.T, slope, 1 / self.batch))
                else:
                    v = w * slope.mean(0)
                    h = v.T @ (h @ v)
                if curvature == "pch-abs":
                    # φ″ ⊙ Wᵀδ = (1 − 2a) ⊙ δ of the layer below, whose sum over the samples is its bias's gradient
                    residual = result["grads"][layer - 1][1] - 2 * (x * deltas[layer - 1]).sum(0)
                    h.diagonal().add_(residual.abs_())
            return result | {"blocks": blocks}

        return run

    def _update(self, name, curvature):
        @torch.inference_mode()
        def run():
            result = curvature()
            new, count = [], []
            for (a, h), grads, w, b in zip(result["blocks"], result["grads"], self.weights, self.biases):
                step_w, n_w = solve(_weight_product(a, h), grads[0])
                step_b, n_b = solve(lambda v, h=h: torch.addmv(v, h, v, beta=ALPHA, alpha=1 - ALPHA), grads[1])
                new.append((torch.add(w, step_w, alpha=GAMMA), torch.add(b, step_b, alpha=GAMMA)))
                count += [n_w, n_b]
            self.iterations[name] = count
            return {"loss": result["loss"], "new": new}

        return run


def _weight_product(a, h):
    """V ↦ αV + (1−α) H V A, with A = a aᵀ where a is a vector."""
    if a.dim() == 1:
        return lambda v: torch.addr(v, h @ (v @ a), a, beta=ALPHA, alpha=1 - ALPHA)
    return lambda v: torch.addmm(v, h @ v, a, beta=ALPHA, alpha=1 - ALPHA)


def solve(product, gradient):
    """Conjugate gradients from zero for `product`(Δ) = −gradient: (Δ, iterations)."""
    r = -gradient
    p = r.clone()
    step = torch.zeros_like(r)
    rr = float(torch.dot(r.view(-1), r.view(-1)))
    limit = TOLERANCE**2 * rr
    if rr == 0:
        return step, 0
    for iteration in range(1, ITERATIONS + 1):
        q = product(p)
        length = rr / float(torch.dot(p.view(-1), q.view(-1)))
        step.add_(p, alpha=length)
        r.sub_(q, alpha=length)
        previous, rr = rr, float(torch.dot(r.view(-1), r.view(-1)))
        if rr <= limit:
            break
        p.mul_(rr / previous).add_(r)
    return step, iteration


class Compiled(Torch):
    """The same through `torch.compile`, but for the conjugate gradients, whose length the data decide."""

    name = "PyTorch compiled"

    def _ready(self, function):
        # The functions of all modes share their code, and each is a compilation of it.
        torch._dynamo.config.recompile_limit = 64
        return super()._ready(torch.compile(function, dynamic=False))


class Autograd:
    """Forward and gradient as most people write them: a module, and derivatives by the tape."""

    name = "PyTorch"

    def __init__(self, problem):
        self.x = torch.from_numpy(problem.x)
        self.labels = torch.from_numpy(problem.labels)
        self.model = model(problem)
        self.parameters = list(self.model.parameters())

    def passes(self):
        return {AUTODIFF: self.gradient}

    def gradient(self):
        loss = F.cross_entropy(self.model(self.x), self.labels)
        grads = torch.autograd.grad(loss, self.parameters)
        return {"loss": loss, "grads": list(zip(grads[::2], grads[1::2]))}


def model(problem):
    """The network as a `torch.nn.Sequential` with the problem's parameters."""
    layers = []
    for w, b in zip(problem.weights, problem.biases):
        linear = torch.nn.Linear(*w.shape[::-1])
        linear.weight.data.copy_(torch.from_numpy(w))
        linear.bias.data.copy_(torch.from_numpy(b))
        layers += [linear, torch.nn.Sigmoid()]
    return torch.nn.Sequential(*layers[:-1])
