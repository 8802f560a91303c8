"""Compares one operation at a time: its value, its gradient with a random upstream, and its second derivative.

The leaves x of a random call y get the gradients g of sum(u * y); the sum s of all v * g has gradients with respect to
x and u again. u and v are random. All of this is the output of one session.
"""
import numpy
import torch

from execution import (BOUNDS, DOUBLE, NATIVE, STEADY, Failure, build, difference, error_of, evaluate, largest, shape_error, write,
                       write_inputs)
from nadir import BATCH, NONE, Dtype, Graph, NadirError, Session
from operations import OPERATIONS
from sources import Fresh
from table import gradients_of

MOST_ATTEMPTS = 100
# Operands, upstreams and terms are numbers about 1.
LEAST_SCALE = 1e-2


def scale_of(expected):
    """What errors are relative to. Where sums cancel, all that is left is error."""
    return max(largest(expected), LEAST_SCALE)


def generate(name, dtype, trial):
    """The random call of an operation that has this number, and how many before it were ill-conditioned."""
    for attempt in range(MOST_ATTEMPTS):
        title = f"{name}, {dtype.name.lower()}, trial {trial}" + (f", attempt {attempt}" if attempt else "")
        comparison = Comparison(title, name, dtype)
        if comparison.is_steady():
            return comparison, attempt
    raise RuntimeError(f"no call of {name} is well-conditioned")


class Comparison:
    """A random call, and what comes of it."""

    def __init__(self, title, name, dtype):
        source = Fresh(title, dtype)
        source.program.add(OPERATIONS[name].sample(source))
        self.title = title
        self.program = source.program.trimmed()
        self.exact = OPERATIONS[name].exact
        self.batch = self.program.batches[0]
        self.xs = [ref for ref, leaf in self.program.leaves() if leaf.dtype.is_float]
        self.generator = source.generator
        self.random = {}  # u and every v: arrays by their names
        self.native_values, self.native = self.by_pytorch(NATIVE)
        # Casts alone see the difference between a single number and a double that holds it.
        self.expected = self.native if name == "cast" else self.by_pytorch(DOUBLE)[1]

    def is_steady(self):
        """Whether rounding, as PyTorch does it in single precision, changes little."""
        errors = [error_of(self.native[what], expected, scale_of(expected))[0]
                  for what, expected in self.expected.items() if self.native[what].dtype == torch.float32]
        return max(errors, default=0) <= STEADY[Dtype.F32]

    # --------------------------------------------------------------------------------------------------------- PyTorch

    def by_pytorch(self, types):
        """All values, and the results by what they are."""
        values = evaluate(self.program, types, tracked=("input", "param", "constant", "layer")).values
        y, xs = values[-1], [values[ref] for ref in self.xs]
        results = {"the value": y}
        if y.is_floating_point() and xs:
            u = self.random_like("u", y)
            gradients = gradients_of(y, u, xs)
            terms = [(gradient * self.random_like(f"v{ref}", gradient)).sum()
                     for ref, gradient in zip(self.xs, gradients)]
            seconds = gradients_of(sum(terms), None, xs + [u])
            results.update(self.named(gradients, seconds))
        return values, results

    def named(self, gradients, seconds):
        """Gradients and second derivatives by what they are."""
        by = [repr(ref) for ref in self.xs]
        return {**{f"the gradient by {x}": one for x, one in zip(by, gradients)},
                **{f"the second derivative by {x}": one for x, one in zip(by + ["the upstream"], seconds)}}

    def random_like(self, name, tensor):
        """A tensor of random numbers like another."""
        if name not in self.random:
            array = self.generator.uniform(-2, 2, tuple(tensor.shape))
            self.random[name] = torch.tensor(array, dtype=tensor.dtype).numpy()
        return torch.tensor(self.random[name], dtype=tensor.dtype, requires_grad=True)

    # ----------------------------------------------------------------------------------------------------------- Nadir

    def failure(self, library):
        """How Nadir's results fail, or None."""
        with Graph(library) as graph:
            try:
                kind, text = "values", self.first_difference(graph)
            except NadirError as error:
                kind, text = error.kind, str(error)
            return Failure(self.title, kind, text, self.program, graph.dump()) if text else None

    def first_difference(self, graph):
        """What differs, as a text, or None."""
        nodes = build(graph, self.program)
        wrong = shape_error(graph, self.program, nodes, self.native_values, 0)
        if wrong:
            return wrong
        inputs = []  # nodes and arrays of all but the program's own
        wanted = {"the value": nodes[-1]}
        if len(self.expected) > 1:
            wanted.update(self.derivatives(graph, nodes, inputs))
        outputs = set(wanted.values())
        if self.batch == 0:
            # Where the operation has no input with the batch, another one has to tell that it is 0.
            inputs.append((graph.build("input_add", None, Dtype.F32, (BATCH,)), numpy.zeros(0, "f4")))
            outputs.add(inputs[-1][0])
        with Session(graph, NONE, sorted(outputs), max(self.batch, 1)) as session:
            write_inputs(session, self.program, nodes, 0)
            for node, array in inputs:
                write(session, node, array)
            session.run("forward")
            texts = (self.compared(graph, session, what, node) for what, node in wanted.items())
            return next(filter(None, texts), None)

    def derivatives(self, graph, nodes, inputs):
        """The nodes of gradients and second derivatives by what they are; `inputs` gets what is to be written."""
        def input_like(name, node):
            made = graph.build("input_add", None, graph.dtype_of(node), graph.shape_of(node))
            inputs.append((made, self.random[name]))
            return made

        xs = [nodes[ref] for ref in self.xs]
        u = input_like("u", nodes[-1])
        gradients = graph.build("gradients", nodes[-1], u, xs)
        s = None
        for ref, gradient in zip(self.xs, gradients):
            term = graph.build("sum", graph.build("mul", gradient, input_like(f"v{ref}", gradient)), [])
            s = term if s is None else graph.build("add", s, term)
        return self.named(gradients, graph.build("gradients", s, NONE, xs + [u]))

    def compared(self, graph, session, what, node):
        """How one of the results differs, or None."""
        dtype = graph.dtype_of(node)
        exact = not dtype.is_float or self.exact and what == "the value"
        expected = self.expected[what].detach().numpy()
        actual = session.read(node, self.batch)
        if exact:
            expected = expected.astype(dtype.numpy)
        if what.startswith("the second"):
            # PyTorch has NaN for the norm and the deviation of zeros, where Nadir holds on to its first derivative.
            expected = numpy.where(numpy.isnan(expected), actual, expected)
        return difference(what, actual, expected, 0 if exact else BOUNDS[dtype], scale_of(expected))
