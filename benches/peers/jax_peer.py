"""JAX by hand, jitted. Why: a compiler is the fairer peer of a compiler; XLA fuses what PyTorch runs operation by operation.

The equations are those of `torch_peer.py`, written without in-place operations, one `jit` for every pass.
"""

import jax
import jax.numpy as jnp

from problem import ALPHA, AUTODIFF, FORWARD, GAMMA, GRADIENT, ITERATIONS, KFLR, PASSES, TOLERANCE, split

# In the caller's thread: small networks take half the time, large ones the same.
jax.config.update("jax_cpu_enable_async_dispatch", False)


class Jax:
    """The passes by name; each returns a dictionary of what it computed, when it is computed."""

    name = "JAX"

    def __init__(self, problem):
        parameters = list(zip(map(jnp.asarray, problem.weights), map(jnp.asarray, problem.biases)))
        self.arguments = jax.device_put((parameters, jnp.asarray(problem.x), jnp.asarray(problem.labels)))

    def passes(self):
        found = {FORWARD: forward, GRADIENT: gradient, AUTODIFF: autodiff, KFLR: kflr}
        for name in PASSES:
            if "/" in name:
                found[name] = _update(*split(name)) if name.startswith("update/") else _curvature(*split(name))
        return {name: self._jitted(function) for name, function in found.items()}

    def _jitted(self, function):
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*self.arguments))


def forward(parameters, x, labels):
    log_p = jax.nn.log_softmax(_values(parameters, x)[-1])
    return {"loss": _loss(log_p, labels)}


def gradient(parameters, x, labels):
    return _gradient(parameters, x, labels)[0]


def autodiff(parameters, x, labels):
    loss, grads = jax.value_and_grad(lambda p: forward(p, x, labels)["loss"])(parameters)
    return {"loss": loss, "grads": grads}


def kflr(parameters, x, labels):
    """A root S of every sample's Hessian travels: as many columns as classes. Factors E[xxᵀ] and E[SSᵀ]."""
    result, values, slopes, _, p = _gradient(parameters, x, labels)
    batch, classes = p.shape
    root = jnp.sqrt(p)
    s = root[:, :, None] * (jnp.eye(classes) - p[:, None, :])
    blocks = [None] * len(parameters)
    for layer in reversed(range(len(parameters))):
        flat = s.reshape(batch * classes, -1)
        blocks[layer] = _second_moment(values[layer], batch), _second_moment(flat, batch)
        if layer:
            s = (flat @ parameters[layer][0]).reshape(batch, classes, -1) * slopes[layer][:, None, :]
    return result | {"blocks": blocks}


def _loss(log_p, labels):
    return -jnp.mean(jnp.take_along_axis(log_p, labels[:, None], 1))


def _values(parameters, x):
    values = [x]
    for w, b in parameters[:-1]:
        values.append(jax.nn.sigmoid(values[-1] @ w.T + b))
    w, b = parameters[-1]
    return [*values, values[-1] @ w.T + b]


def _gradient(parameters, x, labels):
    values = _values(parameters, x)
    log_p = jax.nn.log_softmax(values[-1])
    p = jnp.exp(log_p)
    delta = (p - jax.nn.one_hot(labels, p.shape[1])) / len(x)
    depth = len(parameters)
    grads, slopes, residuals = [None] * depth, [None] * depth, [None] * depth
    for layer in reversed(range(depth)):
        a = values[layer]
        grads[layer] = delta.T @ a, delta.sum(0)
        if layer:
            slopes[layer] = a * (1 - a)
            delta = (delta @ parameters[layer][0]) * slopes[layer]
            residuals[layer] = ((1 - 2 * a) * delta).sum(0)
    return {"loss": _loss(log_p, labels), "grads": grads}, values, slopes, residuals, p


def _second_moment(x, batch):
    # The factor scales the smaller matrix, not the product.
    return (x / batch).T @ x


def _curvature(mode, curvature):
    def run(parameters, x, labels):
        result, values, slopes, residuals, p = _gradient(parameters, x, labels)
        # The mean of diag p − p pᵀ has no negative eigenvalues: |·| leaves it as it is.
        h = jnp.diag(p.mean(0)) - _second_moment(p, len(x))
        blocks = [None] * len(parameters)
        for layer in reversed(range(len(parameters))):
            w = parameters[layer][0]
            if mode == "average-hessian":
                blocks[layer] = _second_moment(values[layer], len(x)), h
            else:
                blocks[layer] = values[layer].mean(0), h
            if not layer:
                break
            slope = slopes[layer]
            if mode == "average-hessian":
                h = (w.T @ (h @ w)) * _second_moment(slope, len(x))
            else:
                v = w * slope.mean(0)
                h = v.T @ (h @ v)
            if curvature == "pch-abs":
                h = h + jnp.diag(jnp.abs(residuals[layer]))
        return result | {"blocks": blocks}

    return run


def _update(mode, curvature):
    blocks = _curvature(mode, curvature)

    def run(parameters, x, labels):
        result = blocks(parameters, x, labels)
        new = []
        for (w, b), (a, h), grads in zip(parameters, result["blocks"], result["grads"]):
            step_w = solve(_weight_product(a, h), grads[0])
            step_b = solve(lambda v, h=h: ALPHA * v + (1 - ALPHA) * (h @ v), grads[1])
            new.append((w + GAMMA * step_w, b + GAMMA * step_b))
        return {"loss": result["loss"], "new": new}

    return run


def _weight_product(a, h):
    """V ↦ αV + (1−α) H V A, with A = a aᵀ where a is a vector."""
    if a.ndim == 1:
        return lambda v: ALPHA * v + (1 - ALPHA) * (h @ (v @ a))[:, None] * a
    return lambda v: ALPHA * v + (1 - ALPHA) * (h @ v @ a)


def solve(product, gradient):
    """Conjugate gradients from zero for `product`(Δ) = −gradient."""
    square = jnp.vdot(gradient, gradient)
    limit = TOLERANCE**2 * square

    def unfinished(state):
        _, _, _, rr, iteration = state
        return (rr > limit) & (iteration < ITERATIONS)

    def iterate(state):
        step, r, p, rr, iteration = state
        q = product(p)
        length = rr / jnp.vdot(p, q)
        r = r - length * q
        following = jnp.vdot(r, r)
        return step + length * p, r, r + following / rr * p, following, iteration + 1

    start = jnp.zeros_like(gradient), -gradient, -gradient, square, 0
    return jax.lax.while_loop(unfinished, iterate, start)[0]
