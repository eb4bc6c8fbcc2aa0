"""BackPACK. Why: it is the library people would reach for, so the table says what it does, and where it fails.

Its curvature comes with the gradient from one `backward`; KFRA is Equation 6 with the GGN. Its own modes for PCH and Equation 7 are
tried, too, and a pass that raises is named in the table with what it raised.
"""

import torch
from backpack import backpack, extend
from backpack.extensions import KFLR as FactoredRoots
from backpack.extensions import KFRA
from backpack.extensions.curvature import Curvature
from backpack.extensions.secondorder.hbp import HBP
from backpack.extensions.secondorder.hbp.hbp_options import BackpropStrategy, ExpectationApproximation, LossHessianStrategy

from problem import KFLR
from torch_peer import model

EXPECTATIONS = {
    "average-hessian": ExpectationApproximation.BOTEV_MARTENS,
    "average-jacobian": ExpectationApproximation.CHEN,
}
CURVATURES = {"pch-abs": Curvature.PCH_ABS, "ggn": Curvature.GGN}


class BackPack:
    """The passes by name; each returns a dictionary of what it computed, or raises what BackPACK raises."""

    name = "BackPACK"

    def __init__(self, problem):
        self.x = torch.from_numpy(problem.x)
        self.labels = torch.from_numpy(problem.labels)
        self.model = extend(model(problem))
        self.loss = extend(torch.nn.CrossEntropyLoss())

    def passes(self):
        found = {KFLR: self._pass(FactoredRoots)}
        for mode, expectation in EXPECTATIONS.items():
            for name, curvature in CURVATURES.items():
                found[f"{mode}/{name}"] = self._pass(lambda c=curvature, e=expectation: _own(c, e))
        found["average-hessian/ggn"] = self._pass(KFRA)
        return found

    def _pass(self, extension):
        def run():
            self.model.zero_grad(set_to_none=True)
            chosen = extension()
            loss = self.loss(self.model(self.x), self.labels)
            with backpack(chosen):
                loss.backward()
            layers = [layer for layer in self.model if isinstance(layer, torch.nn.Linear)]
            # BackPACK orders the factors for row-major weights: the one of the output first.
            blocks = [tuple(reversed(getattr(layer.weight, chosen.savefield))) for layer in layers]
            grads = [(layer.weight.grad, layer.bias.grad) for layer in layers]
            for parameter in self.model.parameters():
                delattr(parameter, chosen.savefield)
            return {"loss": loss.detach(), "grads": grads, "blocks": blocks}

        return run


def _own(curvature, expectation):
    return HBP(
        curv_type=curvature,
        loss_hessian_strategy=LossHessianStrategy.SUM,
        backprop_strategy=BackpropStrategy.BATCH_AVERAGE,
        ea_strategy=expectation,
    )
