"""A computation as a list, which PyTorch and Nadir both run: leaves, and calls of Nadir's builders.

An entry of a `Program` is a `Leaf` or a `Call`. Its number is that of its value, by which later calls refer to it
(`Ref`). Dimensions are those of the C API, where a multiple of BATCH is the batch. A program has one or more data sets,
each with a batch of its own.
"""
from dataclasses import dataclass, field, replace

import numpy

from nadir import BATCH, OPEN, Dtype, is_symbolic, resolve


class Ref(int):
    """The number of a value."""

    def __repr__(self):
        return f"v{int(self)}"


@dataclass
class Leaf:
    """A value that is given: an input, a param, a constant, or, as `layer`, a parameter that a layer will make."""

    role: str
    dtype: Dtype
    shape: tuple
    data: tuple  # an array a data set
    name: str = ""

    def __str__(self):
        text = f"{self.role} {self.dtype.name.lower()} {shape_text(self.shape)}"
        if self.name:
            text += f" named {self.name}"
        if all(array.size <= 12 for array in self.data):
            differ = any(array is not self.data[0] for array in self.data)
            shown = self.data if differ else self.data[:1]
            text += " = " + " and then ".join(elements_text(array) for array in shown)
        return text


@dataclass
class Call:
    """A call of a builder: its arguments without graph and counts, with `Ref`s for nodes, and its options.

    Of a builder that makes several nodes, the value is the one numbered `piece`.
    """

    name: str
    arguments: tuple
    options: dict = field(default_factory=dict)
    piece: int = None

    def __str__(self):
        words = [argument_text(one) for one in self.arguments]
        words += [f"{key}={value}" for key, value in self.options.items()]
        return f"{self.name}({', '.join(words)})" + ("" if self.piece is None else f"[{self.piece}]")

    def operands(self):
        """The values that it refers to, in order, one as often as it is referred to."""
        found = []
        self.with_operands(lambda ref: found.append(ref) or ref)
        return found

    def with_operands(self, changed):
        """The same call with other operands: `changed` of each."""
        return replace(self, arguments=tuple(mapped(one, changed) for one in self.arguments))


@dataclass
class Program:
    """Entries, and the batch of each data set."""

    batches: tuple
    entries: list = field(default_factory=list)

    def add(self, entry):
        self.entries.append(entry)
        return Ref(len(self.entries) - 1)

    def leaves(self):
        return [(Ref(number), entry) for number, entry in enumerate(self.entries) if isinstance(entry, Leaf)]

    def calls(self):
        return [(Ref(number), entry) for number, entry in enumerate(self.entries) if isinstance(entry, Call)]

    def trimmed(self):
        """The same without what the last value does not depend on."""
        wanted = {len(self.entries) - 1}
        for number in range(len(self.entries) - 1, -1, -1):
            if number in wanted and isinstance(self.entries[number], Call):
                wanted.update(self.entries[number].operands())
        numbers = {old: Ref(new) for new, old in enumerate(sorted(wanted))}
        entries = []
        for old in numbers:
            entry = self.entries[old]
            entries.append(entry.with_operands(numbers.__getitem__) if isinstance(entry, Call) else entry)
        return Program(self.batches, entries)

    def shaken(self, seed):
        """The same with other numbers in the leaves, off by a millionth; whole numbers, such as exponents, stay."""
        generator = numpy.random.default_rng(seed)
        known = {}

        def changed(array):
            # Data sets may share an array.
            if id(array) not in known:
                factor = 1 + 1e-6 * generator.uniform(-1, 1, array.shape)
                known[id(array)] = numpy.where(array == numpy.round(array), array, array * factor).astype(array.dtype)
            return known[id(array)]

        return Program(self.batches, [replace(entry, data=tuple(map(changed, entry.data)))
                                      if isinstance(entry, Leaf) and entry.dtype.is_float else entry
                                      for entry in self.entries])

    def lines(self):
        """A line an entry, for people."""
        return [f"{Ref(number)!r:4} = {entry}" for number, entry in enumerate(self.entries)]


def mapped(argument, changed):
    """An argument with `changed(ref)` in the place of every Ref."""
    if isinstance(argument, Ref):
        return changed(argument)
    if isinstance(argument, (list, tuple)):
        return [mapped(one, changed) for one in argument]
    return argument


# -------------------------------------------------------------------------------------------------------------- shapes


def resolved(shape, batch):
    return tuple(resolve(dimension, batch) for dimension in shape)


def symbolic_axis(shape):
    """The axis of the batch, or None."""
    return next((axis for axis, dimension in enumerate(shape) if is_symbolic(dimension)), None)


def symbolic_shape(lengths, batches):
    """The shape behind lengths that were seen at two batches, or None if there is none."""
    if len(lengths[0]) != len(lengths[1]):
        return None
    shape = []
    for first, second in zip(*lengths):
        if first == second:
            shape.append(first)
        elif first * batches[1] == second * batches[0] and first % batches[0] == 0:
            shape.append(first // batches[0] * BATCH)
        else:
            return None
    return tuple(shape) if sum(map(is_symbolic, shape)) < 2 else None


def broadcast(left, right):
    """The shape that two shapes broadcast to, or None."""
    rank = max(len(left), len(right))
    left, right = (1,) * (rank - len(left)) + tuple(left), (1,) * (rank - len(right)) + tuple(right)
    if any(a != b and 1 not in (a, b) for a, b in zip(left, right)):
        return None
    shape = tuple(b if a == 1 else a for a, b in zip(left, right))
    return shape if sum(map(is_symbolic, shape)) < 2 else None


# --------------------------------------------------------------------------------------------------------------- texts


def dimension_text(dimension):
    if dimension == OPEN:
        return "open"
    if not is_symbolic(dimension):
        return str(dimension)
    factor = dimension // BATCH
    return "batch" if factor == 1 else f"{factor}*batch"


def shape_text(shape):
    return "[" + ", ".join(map(dimension_text, shape)) + "]"


def elements_text(array):
    elements = numpy.array2string(array, separator=", ", threshold=13, max_line_width=100000)
    return elements.replace("\n", "")


def argument_text(argument):
    if isinstance(argument, (list, tuple)):
        return "[" + ", ".join(map(argument_text, argument)) + "]"
    if isinstance(argument, (Ref, str)):
        return repr(argument)
    if isinstance(argument, Dtype):
        return argument.name
    if isinstance(argument, int):
        return dimension_text(argument)
    return str(argument)
