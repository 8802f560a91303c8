"""Random graphs, trained for some passes by Nadir and by PyTorch, and how a graph that fails is made small.

A graph is grown call by call. PyTorch computes each value at once, for two data sets of different batches: so operands
are chosen by their values (one that is outside of a function's domain is squashed into it), and a call is taken back
whose values are too large or whose operands are too near to a jump or a kink, where rounding would choose the side.
"""
import random

import numpy
import torch

from elementwise import MADE
from execution import (BOUNDS, DOUBLE, NATIVE, SINGLE, STEADY, TORCH, Evaluation, Failure, build, difference, error_of,
                       evaluate, largest, shape_error, write_inputs)
from nadir import BATCH, NONE, Dtype, Graph, NadirError, Session, is_symbolic, resolve
from operations import OPERATIONS
from program import Call, Leaf, Program, Ref, broadcast, resolved, symbolic_axis, symbolic_shape
from sources import INTEGERS, REAL, Domain, Source
from table import gradients_of

LENGTHS = (3, 30)  # the fewest and the most calls of a graph
MOST_ELEMENTS = 2000
LARGEST = 50.0
SMALLEST_MARGIN = 1e-3
MOST_ATTEMPTS = 200
# How often rounding errors of single precision are looked at, each time with slightly other numbers: they can be small by
# chance.
LOOKS = 3

DTYPES = {torch_type: dtype for dtype, torch_type in TORCH.items()}


# Names of operations to choose from. Were all names in one list, most calls would be functions of one operand.
MENUS = [list(OPERATIONS)] * 4 + [
    [name for name, operation in OPERATIONS.items() if operation.family == family]
    for family in dict.fromkeys(operation.family for operation in OPERATIONS.values()) if family != MADE]


class Unsuitable(Exception):
    """A call, or a graph, that would tell nothing about Nadir."""


class IllConditioned(Unsuitable):
    """A graph whose results in single precision are too far from those in double precision, by PyTorch as well."""


def generate(seed):
    """The graph of a seed, what it should compute, and how many before it were ill-conditioned."""
    dtype = (Dtype.F32, Dtype.F64)[seed % 2]
    ill_conditioned = 0
    for attempt in range(MOST_ATTEMPTS):
        try:
            program = Pool(f"graph {seed} {attempt}", dtype).grown()
            return program, Expectation(program), ill_conditioned
        except IllConditioned:
            ill_conditioned += 1
        except Unsuitable:
            pass
    raise RuntimeError(f"seed {seed} makes no graph")


# ------------------------------------------------------------------------------------------------------------- growing


class Pool(Source):
    """A graph that grows. Operands are values that it has, or new leaves."""

    ranks = (0, 4)
    trains = True

    def __init__(self, seed, dtype):
        super().__init__(seed, dtype)
        self.program = Program(tuple(self.rng.sample((1, 2, 3, 4, 5), 2)))
        # In the program's dtypes, and in double precision at both batches.
        self.evaluations = [Evaluation(self.program.batches[0], NATIVE)]
        self.evaluations += [Evaluation(batch, DOUBLE) for batch in self.program.batches]
        self.shapes = []
        self.uses = []

    def grown(self):
        """The program, whose last value is the loss."""
        wanted = self.rng.randint(1, 24)
        for _ in range(20 * wanted):
            if len(self.program.calls()) >= wanted:
                break
            self.try_operation(self.rng.choice(self.rng.choice(MENUS)))
        self.add_loss()
        program = self.program.trimmed()
        if not LENGTHS[0] <= len(program.calls()) <= LENGTHS[1]:
            raise Unsuitable("length")
        return program

    def try_operation(self, name):
        """Adds a call of an operation, or nothing."""
        before = len(self.shapes)
        try:
            self.add(OPERATIONS[name].sample(self))
        except Unsuitable:
            self.forget(before)

    def forget(self, count):
        """Takes everything back but the first `count` entries."""
        for entry in self.program.entries[count:]:
            for ref in entry.operands() if isinstance(entry, Call) else ():
                self.uses[ref] -= 1
        for one in [self.program.entries, self.shapes, self.uses, *(each.values for each in self.evaluations)]:
            del one[count:]

    def add(self, entry):
        """Adds an entry with its values and its symbolic shape; Unsuitable if it must not stay."""
        is_param = isinstance(entry, Leaf) and entry.role in ("param", "layer")
        native = self.evaluations[0].add(entry, 0, tracked=is_param)
        values = [each.add(entry, data_set) for data_set, each in enumerate(self.evaluations[1:])]
        shape = symbolic_shape([tuple(value.shape) for value in values], self.program.batches)
        ref = self.program.add(entry)
        self.shapes.append(shape)
        self.uses.append(0)
        if isinstance(entry, Call):
            for operand in entry.operands():
                self.uses[operand] += 1
            if self.dtype == Dtype.F64 and entry.name == "cast" and native.dtype == torch.float32:
                raise Unsuitable("rounding")
            check_call(entry, self.evaluations[1:])
        if shape is None or max(value.numel() for value in values) > MOST_ELEMENTS:
            raise Unsuitable("shape")
        if native.is_floating_point() and not all((abs(value) <= LARGEST).all() for value in values):
            raise Unsuitable("large")
        return ref

    # ------------------------------------------------------------------------------------------ what an operation asks

    def shape_of(self, ref):
        return self.shapes[ref]

    def dtype_of(self, ref):
        return DTYPES[self.evaluations[0].values[ref].dtype]

    def values_of(self, ref):
        """The values as arrays, one a data set."""
        return [each.values[ref].numpy() for each in self.evaluations[1:]]

    def tensor(self, shape=None, dtypes=None, domain=REAL, ranks=None, least=0, accept=None):
        ranks = ranks or self.ranks

        def fits(candidate):
            if shape is not None:
                return candidate == tuple(shape)
            return (ranks[0] <= len(candidate) <= ranks[1] and (least == 0 or 0 not in candidate)
                    and (accept is None or accept(candidate)))

        dtypes = dtypes or (self.dtype,)
        found = self._found(fits, dtypes, domain)
        if found is None:
            found = self._leaf(self._new_shape(fits) if shape is None else shape, dtypes, domain)
        return found

    def partner(self, shape, dtypes=None, domain=REAL):
        def fits(candidate):
            wide = broadcast(shape, candidate)
            return wide is not None and len(wide) <= self.ranks[1]

        dtypes = dtypes or (self.dtype,)
        found = self._found(fits, dtypes, domain)
        return self._leaf(self.widened(shape), dtypes, domain) if found is None else found

    def index(self, shape, length):
        lengths = [resolve(length, batch) for batch in self.program.batches]
        for ref in self._candidates(lambda candidate: candidate == tuple(shape), INTEGERS):
            inside = (array.min(initial=0) >= 0 and array.max(initial=0) < most
                      for array, most in zip(self.values_of(ref), lengths))
            if all(inside) and self.chance(0.7):
                return ref
        if min(lengths) == 0:
            raise Unsuitable("an index into nothing")
        return self._leaf(shape, INTEGERS, Domain(0, min(lengths) - 1))

    def layer(self, name, shape, domain=REAL):
        array = self.generator.uniform(max(domain.low, -1), min(domain.high, 1), shape).astype(self.dtype.numpy)
        return self.add(Leaf("layer", self.dtype, shape, (array, array), name))

    def call(self, entry, shape, dtype):
        return self.add(entry)

    def _new_shape(self, fits):
        for _ in range(50):
            shape = [self.length(least=1) for _ in range(self.rng.randint(0, 3))]
            if shape and self.chance(0.1):
                # Longer than a vector of any instruction set, with a rest.
                shape[self.rng.randrange(len(shape))] = self.rng.choice((17, 33))
            if shape and self.chance(0.5):
                shape[self.rng.randrange(len(shape))] = BATCH * self.rng.choice((1, 1, 1, 2))
            if fits(tuple(shape)):
                return tuple(shape)
        raise Unsuitable("no new shape")

    def _candidates(self, fits, dtypes):
        """The values that there are of such shapes and dtypes, the likelier first."""
        found = [ref for ref, _ in enumerate(self.shapes) if fits(self.shapes[ref]) and self.dtype_of(ref) in dtypes]

        def weight(ref):
            # What is new, not used yet and depends on parameters goes first, mostly.
            depends = self.evaluations[0].values[ref].requires_grad
            return self.rng.random() * (ref + 5) * (3 if self.uses[ref] == 0 else 1) * (5 if depends else 1)

        return [Ref(ref) for ref in sorted(found, key=weight, reverse=True)]

    def _found(self, fits, dtypes, domain):
        """A value that there is, perhaps squashed into the domain, or None."""
        if self.chance(0.12):
            return None
        for ref in self._candidates(fits, dtypes)[:6]:
            if not self.dtype_of(ref).is_float or all(map(domain.holds, self.values_of(ref))):
                return ref
            if self.chance(0.4) and domain.low < domain.high and self.dtype_of(ref) == self.dtype:
                return self._squashed(ref, domain)
        return None

    def _squashed(self, ref, domain):
        """Calls that bring a value into a domain."""
        names = ["softsign", "sin"]
        if all(map(REAL.holds, self.values_of(ref))):
            # Far from 0 it is so near to 1 or -1 that its gradient is rounding errors.
            names.append("tanh")
        ref = self.add(Call(self.rng.choice(names), (ref,)))
        if domain.low < 0 and not domain.hole:
            most = min(-domain.low, domain.high)
            return ref if most >= 1 else self.add(Call("scale", (ref, int(most * 16) / 16)))
        low = max(domain.low, domain.hole)
        half = min(domain.high - low, 2.0) / 2
        return self.add(Call("add_scalar", (self.add(Call("scale", (ref, half - 0.0625))), low + half)))

    def _leaf(self, shape, dtypes, domain):
        """A new leaf: numbers in the domain, indices in it, or a mask."""
        # A double in a graph of single numbers would have their rounding, but its own bounds.
        dtypes = [one for one in dtypes if not one.is_float or one in (self.dtype, Dtype.F32)]
        if not dtypes:
            raise Unsuitable("dtype")
        shape, dtype = tuple(shape), self.rng.choice(dtypes)
        has_batch = symbolic_axis(shape) is not None
        roles = ["input"] if has_batch else ["input", "constant"] + ["param"] * 6 * dtype.is_float
        role = self.rng.choice(roles)

        def draw(batch):
            lengths = resolved(shape, batch)
            if dtype.is_float:
                low, high = max(domain.low, -2), min(domain.high, max(2, domain.low))
                array = Domain(low, high, domain.hole).draw(self.generator, lengths, on_grid=False)
            elif dtype == Dtype.U8:
                array = self.generator.choice((0, 1, 1, 7), lengths)
            else:
                array = self.generator.integers(int(domain.low), int(domain.high) + 1, lengths)
            return numpy.asarray(array).astype(dtype.numpy)

        first, second = self.program.batches
        data = (draw(first), draw(second)) if role == "input" else (draw(first),) * 2
        leaf = self.add(Leaf(role, dtype, shape, data))
        return self._with_param(leaf, domain) if has_batch and dtype == self.dtype and self.chance(0.7) else leaf

    def _with_param(self, leaf, domain):
        """An input together with a parameter, for gradients to end in."""
        shape = self.shapes[leaf]
        param_shape = tuple(1 if is_symbolic(one) else one for one in shape)[self.rng.randint(0, len(shape)):]
        param = self._leaf(param_shape, (self.dtype,), Domain(0.25, 0.75))
        ref = self.add(Call(self.rng.choice(("mul", "add")), (leaf, param)))
        return ref if all(map(domain.holds, self.values_of(ref))) else leaf

    # -------------------------------------------------------------------------------------------------------- the loss

    def add_loss(self):
        """Adds the loss: weighted means and sums of values that nothing uses; sometimes that of a gradient, too."""
        ends = [ref for ref, _ in self.program.calls() if self.uses[ref] == 0 and 0 not in self.shapes[ref]]
        terms = [self.reduced_term(ref) for ref in self.rng.sample(ends, min(len(ends), 4))]
        if not terms:
            raise Unsuitable("no value")
        loss = terms[0]
        for term in terms[1:]:
            loss = self.add(Call("add", (loss, term)))
        if self.chance(0.3):
            self.add_penalty(loss)

    def reduced_term(self, ref):
        """A value with random weights, without which the sum of a softmax would be 1, as a mean or a sum."""
        if self.dtype_of(ref) != self.dtype:
            ref = self.add(Call("cast", (ref, self.dtype)))
        shape = tuple(1 if is_symbolic(one) else one for one in self.shapes[ref])
        weights = self._leaf(shape, (self.dtype,), Domain(-2, 2))
        weighted = self.add(Call("mul", (ref, weights)))
        return self.add(Call(self.rng.choice(("mean", "mean", "sum")), (weighted, [])))

    def add_penalty(self, loss):
        """Adds the mean of a gradient's squares to the loss: its gradients have second derivatives of everything."""
        params = [ref for ref, leaf in self.program.leaves() if leaf.role == "param" and leaf.dtype == self.dtype]
        if params:
            entries = self.program.entries
            gradient = self.program.add(Call("gradients", (loss, NONE, [self.rng.choice(params)]), piece=0))
            square = self.program.add(Call("square", (gradient,)))
            entries.append(Call("add", (loss, self.program.add(Call("mean", (square, []))))))


# ----------------------------------------------------------------------------------------------------------- comparing


def check_call(call, evaluations):
    """Unsuitable if operands are too near to where the operation jumps or has a kink."""
    margin = call.name in OPERATIONS and OPERATIONS[call.name].margin
    for each in evaluations if margin else ():
        distances = margin(*each.arguments(call), **call.options)
        if not (distances >= SMALLEST_MARGIN).all():
            raise Unsuitable("kink")


def evaluations(program, types):
    """A program evaluated with each of its data sets."""
    return [evaluate(program, types, ("param", "layer"), data_set) for data_set in range(len(program.batches))]


def scale_of(tensor, results):
    """What errors of a result are relative to: its largest element.

    If that is 0 but for rounding, as where sums cancel, all of it is error, and that of terms which nobody knows: then
    the scale is a hundredth of the largest of all results.
    """
    own, of_all = largest(tensor), max(map(largest, results.values()))
    return own if own > 1e-9 * of_all else of_all / 100 or 1.0


class Expectation:
    """What a program computes, by PyTorch: its loss, its gradients and some of its values. Unsuitable if it is unsafe.

    A result is known by what it is, "value" or "gradient", and by whose.
    """

    def __init__(self, program):
        self.program = program
        self.params = [ref for ref, leaf in program.leaves() if leaf.role in ("param", "layer")]
        calls = [ref for ref, _ in program.calls()]
        # Were every value an output, none would ever give its memory to another.
        others = random.Random(len(calls)).sample(calls[:-1], min(2, len(calls) - 1))
        self.outputs = others + calls[-1:]
        self.native = evaluations(program, NATIVE)
        self.double = evaluations(program, DOUBLE)
        self.dtype = DTYPES[self.native[0].values[-1].dtype]
        self.check_values()
        self.results = self.results_of(self.double)
        self.check_rounding()

    def results_of(self, evaluations_of_sets):
        """The results of three passes of training: the second data set's gradients are added to the first one's."""
        first, second = (self.results_of_pass(each.values) for each in evaluations_of_sets)
        accumulated = {what: tensor + first[what] if what[0] == "gradient" else tensor
                       for what, tensor in second.items()}
        return [first, accumulated, first]

    def results_of_pass(self, values):
        gradients = gradients_of(values[-1], None, [values[ref] for ref in self.params])
        return {**{("value", ref): values[ref] for ref in self.outputs},
                **{("gradient", ref): gradient for ref, gradient in zip(self.params, gradients)}}

    def passes(self):
        """The passes of training: the data set, whether the gradients start at zero, and what is to come out."""
        return zip((0, 1, 0), (True, False, True), self.results)

    def check_values(self):
        loss = self.double[0].values[-1]
        if loss.dim() or not loss.requires_grad:
            raise Unsuitable("no loss")
        told = any(leaf.role == "input" and symbolic_axis(leaf.shape) is not None for _, leaf in self.program.leaves())
        first, second = (each.values for each in self.double)
        if not told and any(one.shape != other.shape for one, other in zip(first, second)):
            raise Unsuitable("no input tells the batch")
        for _, call in self.program.calls():
            check_call(call, self.double)

    def check_rounding(self):
        """IllConditioned if PyTorch's results in single precision are too far from those in double precision."""
        for look in range(LOOKS):
            program = self.program.shaken(look) if look else self.program
            double = self.results_of(evaluations(program, DOUBLE)) if look else self.results
            single = self.results_of(evaluations(program, SINGLE))
            for expected, actual in zip(double, single):
                for what, tensor in expected.items():
                    if tensor.is_floating_point() and not tensor.isfinite().all():
                        raise Unsuitable("not finite")
                    if error_of(actual[what], tensor, scale_of(tensor, expected))[0] > STEADY[self.dtype]:
                        raise IllConditioned("rounding")


def failure_of(library, title, program, expectation):
    """How Nadir fails to compute what is expected of a program, or None."""
    with Graph(library) as graph:
        try:
            kind, text = "values", first_difference(graph, program, expectation)
        except NadirError as error:
            kind, text = error.kind, str(error)
        return Failure(title, kind, text, program, graph.dump()) if text else None


def failure_if_sensible(library, title, program):
    """How Nadir fails with any program, or None; None as well if the program makes no sense."""
    try:
        expectation = Expectation(program)
    except Exception:  # PyTorch has many ways to say that shapes, dtypes or indices do not fit
        return None
    return failure_of(library, title, program, expectation)


def first_difference(graph, program, expectation):
    """What differs in training, as a text, or None."""
    nodes = build(graph, program)
    for data_set, native in enumerate(expectation.native):
        wrong = shape_error(graph, program, nodes, native.values, data_set)
        if wrong:
            return wrong
    before = []
    with Session(graph, nodes[-1], [nodes[ref] for ref in expectation.outputs[:-1]], max(program.batches)) as session:
        session.run("session_set_training", 0)
        for data_set, from_zero, expected in expectation.passes():
            write_inputs(session, program, nodes, data_set)
            session.run("forward")
            if from_zero:
                session.run("zero_grad")
            session.run("backward")
            actual = read_results(session, nodes, expected, program.batches[data_set])
            texts = (compared(graph, nodes, what, actual[what], expected) for what in expected)
            text = next(filter(None, texts), None)
            if text:
                return f"pass {len(before) + 1}: {text}"
            before.append(actual)
    # The last pass was the first one once more.
    for what, array in before[0].items():
        if array.tobytes() != before[-1][what].tobytes():
            return f"{text_of(what)} has other bits when the pass is repeated"
    return None


def read_results(session, nodes, wanted, batch):
    return {(kind, ref): session.read(nodes[ref], batch) if kind == "value" else session.gradient(nodes[ref])
            for kind, ref in wanted}


def compared(graph, nodes, what, actual, results):
    """How a result differs from what is expected among the others, or None."""
    expected = results[what]
    dtype = graph.dtype_of(nodes[what[1]])
    if not dtype.is_float:
        bound = 0
    else:
        # A double that was made of single numbers is no better than they.
        bound = BOUNDS[Dtype.F32 if Dtype.F32 in (dtype, graph.dtype_of(nodes[-1])) else Dtype.F64]
    return difference(text_of(what), actual, expected.detach().numpy(), bound, scale_of(expected, results))


def text_of(what):
    return f"the {what[0]} of {what[1]!r}"


# ----------------------------------------------------------------------------------------------------------- shrinking


def shrunk(failure, fails):
    """The failure of a program as small as can be found that fails in the same way.

    `fails(program)` is a failure or None, None as well for a program that makes no sense.
    """
    smaller = True
    while smaller:
        tried = (fails(candidate) for candidate in candidates(failure.program))
        smaller = next((one for one in tried if one and one.kind == failure.kind), None)
        failure = smaller or failure
    return failure


def candidates(program):
    """Programs with fewer calls, the boldest first. Not all of them make sense."""
    calls = program.calls()
    # An earlier value as what the loss is the sum of.
    for ref, _ in calls[:-2]:
        yield Program(program.batches, program.entries[:ref + 1] + [Call("sum", (ref, []))]).trimmed()
    # A value replaced by one of the operands that it was computed from.
    for ref, call in reversed(calls[:-1]):
        for operand in dict.fromkeys(call.operands()):
            yield with_replaced(program, ref, operand)
    # A value replaced by a leaf that has it.
    natives = evaluations(program, NATIVE)
    for ref, _ in reversed(calls[:-1]):
        arrays = [each.values[ref].detach().numpy() for each in natives]
        shape = symbolic_shape([array.shape for array in arrays], program.batches)
        dtype = DTYPES[natives[0].values[ref].dtype]
        roles = ("input",) if symbolic_axis(shape) is not None or not dtype.is_float else ("param", "input")
        for role in roles:
            data = tuple(arrays) if role == "input" else (arrays[0],) * len(arrays)
            entries = list(program.entries)
            entries[ref] = Leaf(role, dtype, shape, data)
            yield Program(program.batches, entries).trimmed()


def with_replaced(program, old, new):
    """The program with one value in the place of another, earlier than what uses that."""
    entries = [entry.with_operands(lambda ref: new if ref == old else ref) if isinstance(entry, Call) else entry
               for entry in program.entries]
    return Program(program.batches, entries).trimmed()
