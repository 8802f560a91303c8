"""Every operation of the header."""
import torch

import arrangement  # noqa: F401, as the two below: they fill the table
import elementwise  # noqa: F401
import reductions  # noqa: F401
from elementwise import MADE
from table import NOT_OPERATIONS, OPERATIONS

__all__ = ["MADE", "NOT_OPERATIONS", "OPERATIONS", "gradients_of", "reference_of"]

def gradients_of(y, upstream, xs):
    """The gradients of y, as tensors that can be differentiated again; 0 where y does not depend on x."""
    found = [None] * len(xs)
    if y.requires_grad:
        found = torch.autograd.grad(y, xs, upstream, create_graph=True, allow_unused=True)
    # A zero of PyTorch's own may have no memory behind it.
    return [torch.zeros_like(x) if one is None else torch.zeros_like(x) + one for x, one in zip(xs, found)]


def reference_of(name):
    """The reference of an operation, or of nadir_gradients, which is none and which random graphs use without upstream."""
    if name == "gradients":
        return lambda y, _, xs: gradients_of(y, None, xs)
    return OPERATIONS[name].reference
