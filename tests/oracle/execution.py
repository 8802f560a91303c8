"""Runs a program by PyTorch and by Nadir, and says how two arrays differ."""
from dataclasses import dataclass

import numpy
import torch

from nadir import OPEN, Dtype, NadirError, is_symbolic, resolve
from program import Call, Leaf, Program, Ref, mapped
from table import OPERATIONS, reference_of

TORCH = {Dtype.F32: torch.float32, Dtype.F64: torch.float64, Dtype.I32: torch.int32, Dtype.I64: torch.int64,
         Dtype.U8: torch.uint8}

# The most that an element may be off, relative to a scale: the largest of its tensor, unless that is as good as 0.
BOUNDS = {Dtype.F32: 1e-4, Dtype.F64: 1e-10}
# A program of that dtype whose results by PyTorch in single precision are farther than this from those in double precision
# is ill-conditioned: rounding errors of Nadir's would tell nothing. Those of doubles are smaller by a factor of 2**-29.
STEADY = {Dtype.F32: 1e-5, Dtype.F64: 2e-3}

# In which types PyTorch computes: each value in its own, or all floats in one.
NATIVE = TORCH
DOUBLE = {**TORCH, Dtype.F32: torch.float64}
SINGLE = {**TORCH, Dtype.F64: torch.float32}


# ------------------------------------------------------------------------------------------------------------- PyTorch


class Evaluation:
    """The values of a program by PyTorch, at a batch and in some types."""

    def __init__(self, batch, types):
        self.batch, self.types = batch, types
        self.values = []

    def add(self, entry, data_set, tracked=False):
        """The value of an entry, the next after those added before; that of a tracked float leaf has a gradient."""
        if isinstance(entry, Leaf):
            value = torch.tensor(entry.data[data_set], dtype=self.types[entry.dtype])
            value.requires_grad_(tracked and entry.dtype.is_float)
        else:
            value = reference_of(entry.name)(*self.arguments(entry), **entry.options)
            if entry.piece is not None:
                value = value[entry.piece]
        self.values.append(value)
        return value

    def arguments(self, call):
        """The arguments of a call as its reference wants them: tensors, lengths at this batch, types of PyTorch."""
        return [self._argument(one) for one in call.arguments]

    def _argument(self, argument):
        if isinstance(argument, Ref):
            return self.values[argument]
        if isinstance(argument, Dtype):
            return self.types[argument]
        if isinstance(argument, (list, tuple)):
            return [self._argument(one) for one in argument]
        if isinstance(argument, int) and is_symbolic(argument):
            return None if argument == OPEN else resolve(argument, self.batch)
        return argument


def evaluate(program, types, tracked, data_set=0):
    """A program evaluated with one of its data sets; a leaf whose role is in `tracked` has a gradient."""
    evaluation = Evaluation(program.batches[data_set], types)
    for entry in program.entries:
        evaluation.add(entry, data_set, isinstance(entry, Leaf) and entry.role in tracked)
    return evaluation


# --------------------------------------------------------------------------------------------------------------- Nadir


def build(graph, program):
    """Builds a program into a graph of Nadir: the node of each entry."""
    nodes = [None] * len(program.entries)
    of_layers = {ref for _, call in program.calls() for ref in split_arguments(call)[1]}
    for number, entry in enumerate(program.entries):
        if isinstance(entry, Call):
            nodes[number] = build_call(graph, program, entry, nodes)
        elif entry.role == "input":
            nodes[number] = graph.build("input_add", None, entry.dtype, entry.shape)
        elif entry.role == "constant":
            nodes[number] = graph.build("constant_add", None, entry.dtype, entry.shape, entry.data[0])
        elif entry.role == "param" or number not in of_layers:
            nodes[number] = graph.build("param_add", None, entry.dtype, entry.shape)
            graph.set_param(nodes[number], entry.data[0])
    return nodes


def split_arguments(call):
    """The arguments of a call, and the parameters that it makes if it is a layer, which stand behind them."""
    known = OPERATIONS.get(call.name)
    count = len(call.arguments) if known is None or known.given is None else known.given
    return call.arguments[:count], call.arguments[count:]


def build_call(graph, program, call, nodes):
    """The node that a call makes."""
    given, made = split_arguments(call)
    node = graph.build(call.name, *mapped(given, nodes.__getitem__), **call.options)
    # The parameters of a layer are found by their names.
    for ref in made:
        nodes[ref] = graph.find(program.entries[ref].name)
        graph.set_param(nodes[ref], program.entries[ref].data[0])
    return node if call.piece is None else node[call.piece]


def write(session, node, array):
    """Writes an input, if anything depends on it. Were it wanted after all, the forward pass would say so."""
    try:
        session.write(node, array)
    except NadirError as error:
        if error.status != "NADIR_E_STATE":
            raise


def write_inputs(session, program, nodes, data_set):
    for ref, leaf in program.leaves():
        if leaf.role == "input":
            write(session, nodes[ref], leaf.data[data_set])


def shape_error(graph, program, nodes, values, data_set):
    """The first node whose shape or dtype is not that of the (native) value by PyTorch, as a text, or None."""
    for ref, _ in program.calls():
        lengths = tuple(resolve(one, program.batches[data_set]) for one in graph.shape_of(nodes[ref]))
        if lengths != tuple(values[ref].shape):
            return f"{ref!r} has the shape {list(lengths)} instead of {list(values[ref].shape)}"
        if TORCH[graph.dtype_of(nodes[ref])] != values[ref].dtype:
            return f"{ref!r} is {graph.dtype_of(nodes[ref]).name} instead of {values[ref].dtype}"
    return None


# ----------------------------------------------------------------------------------------------------------- comparing


@dataclass
class Failure:
    """A program that Nadir and PyTorch do not agree about."""

    title: str
    # The same for failures that may have one cause: "values", "crash", or a function and the status that it answered.
    kind: str
    text: str
    program: Program
    dump: str = ""

    def __str__(self):
        lines = [f"{self.title}: {self.text}"]
        lines += [f"batches {', '.join(map(str, self.program.batches))}"] + self.program.lines()
        lines += ["as Nadir has it:"] * bool(self.dump) + self.dump.splitlines()
        return "\n    ".join(lines)


def array_of(tensor):
    return tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else tensor


def largest(tensor):
    """The largest absolute value of the finite elements; 0 if there are none."""
    array = abs(array_of(tensor))
    return float(array[numpy.isfinite(array)].max(initial=0))


def error_of(actual, expected, scale):
    """The error of the worst element over the scale, and its index; infinite for a NaN too many or missing."""
    actual, expected = array_of(actual).astype(array_of(expected).dtype), array_of(expected)
    if expected.size == 0:
        return 0.0, ()
    with numpy.errstate(invalid="ignore"):
        same = (actual == expected) | (numpy.isnan(actual) & numpy.isnan(expected))
        errors = numpy.where(same, 0.0, abs(actual - expected))
        errors = numpy.where(numpy.isfinite(errors), errors, numpy.inf)
    index = numpy.unravel_index(errors.argmax(), errors.shape)
    return float(errors[index] / scale), tuple(map(int, index))


def difference(what, actual, expected, bound, scale):
    """How an array of Nadir's differs by more than the bound, as a text, or None."""
    if actual.shape != expected.shape:
        return f"{what} has the shape {list(actual.shape)} instead of {list(expected.shape)}"
    error, index = error_of(actual, expected, scale)
    if error <= bound:
        return None
    place = f" at {list(index)}" if index else ""
    return f"{what} is {actual[index]!r} instead of {expected[index]!r}{place}, off by {error:.2g} of the largest"
