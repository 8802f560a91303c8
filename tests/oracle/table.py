"""The table of operations: how each is computed by PyTorch, and how calls of it are sampled."""
from dataclasses import dataclass
from typing import Callable

import torch

from nadir import Dtype

# Functions of the header that make or tell nodes and are no operations.
NOT_OPERATIONS = {"input_add", "param_add", "constant_add", "graph_find", "param_at", "gradients"}

ANY_DTYPE = tuple(Dtype)


@dataclass
class Operation:
    """How an operation is compared.

    `reference` takes the arguments of the C function: nodes as tensors (a mask as one of uint8), lengths at the actual batch,
    dtypes of PyTorch, and the options as keywords. `sample` takes a `Source` and returns a random `Call`.
    """

    family: str
    reference: Callable
    sample: Callable
    # Where a function jumps or has a kink: how far from there its operands are, from the arguments of the reference. Rounding
    # must not decide on which side a graph goes on.
    margin: Callable = None
    # Whether its value has the very bits that PyTorch computes, since it rounds at most once or only moves elements.
    exact: bool = False


OPERATIONS = {}


def operation(family, sample, margin=None, exact=False, name=None):
    """Enters the reference below it into the table, by its own name unless another is given."""
    def enter(reference):
        OPERATIONS[name or reference.__name__] = Operation(family, reference, sample, margin, exact)
        return reference
    return enter


def mask(truths):
    """A mask as Nadir has it."""
    return truths.to(torch.uint8)
