"""The table of operations: how each is computed by PyTorch, and how calls of it are sampled."""
from dataclasses import dataclass
from typing import Callable

import torch

from nadir import Dtype

# Functions of the header that make or tell nodes and are no operations.
NOT_OPERATIONS = {"input_add", "param_add", "constant_add", "graph_find", "param_at", "state_at", "gradients"}

ANY_DTYPE = tuple(Dtype)


@dataclass
class Operation:
    """How an operation is compared.

    `reference` takes the arguments of the C function: nodes as tensors (a mask as one of uint8), lengths at the actual
    batch, dtypes of PyTorch, and the options as keywords. `sample` takes a `Source` and returns a random `Call`.
    """

    family: str
    reference: Callable
    sample: Callable
    # For a function that jumps or has a kink: how far from there its operands are, by the arguments of the reference.
    # Rounding must not decide on which side a graph goes on.
    margin: Callable = None
    # Whether its value has the very bits that PyTorch computes, since it rounds at most once or only moves elements.
    exact: bool = False
    # For a layer: how many of the arguments are those of the C function. The others are the parameters that it makes.
    given: int = None


OPERATIONS = {}


def operation(family, sample, margin=None, exact=False, name=None, given=None):
    """Enters the reference below it into the table, by its own name unless another is given."""
    def enter(reference):
        OPERATIONS[name or reference.__name__] = Operation(family, reference, sample, margin, exact, given)
        return reference
    return enter


def mask(truths):
    """A mask as Nadir has it."""
    return truths.to(torch.uint8)


def gradients_of(y, upstream, xs):
    """The gradients of y, as tensors that can be differentiated again; 0 where y does not depend on x."""
    found = [None] * len(xs)
    if y.requires_grad:
        found = torch.autograd.grad(y, xs, upstream, create_graph=True, allow_unused=True)
    # A zero of PyTorch's own may have no memory behind it.
    return [torch.zeros_like(x) if one is None else torch.zeros_like(x) + one for x, one in zip(xs, found)]


def reference_of(name):
    """The reference of an operation, or of nadir_gradients without upstream, which is none but stands in graphs."""
    if name == "gradients":
        return lambda y, _, xs: gradients_of(y, None, xs)
    return OPERATIONS[name].reference
