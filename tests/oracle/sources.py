"""Where the operands of an operation come from.

The samplers of operations ask a `Source` for tensors, masks, indices, shapes and numbers, and do not know whether these
are made for them (`Fresh`, for comparing one operation) or found in a graph that grows (`random_graphs.Pool`).
"""
import random
from dataclasses import dataclass

import numpy

from nadir import BATCH, Dtype, is_symbolic, resolve
from program import Call, Leaf, Program, resolved, symbolic_axis

FLOATS = (Dtype.F32, Dtype.F64)
INTEGERS = (Dtype.I32, Dtype.I64)
MASKS = (Dtype.U8,)


@dataclass(frozen=True)
class Domain:
    """The numbers from `low` to `high`, at least `hole` away from 0. Some of those drawn are `special` ones."""

    low: float = -4.0
    high: float = 4.0
    hole: float = 0.0
    special: tuple = ()

    def draw(self, generator, lengths, on_grid):
        """Random numbers; on a grid of halves there are ties, and the points where functions have kinks or steps."""
        array = generator.uniform(self.low, self.high, lengths)
        if on_grid:
            array = numpy.clip(numpy.round(array * 2) / 2, numpy.ceil(self.low * 2) / 2, numpy.floor(self.high * 2) / 2)
        if self.hole:
            outside = numpy.where(array < 0, numpy.minimum(array, -self.hole), numpy.maximum(array, self.hole))
            array = numpy.where(abs(array) < self.hole, outside, array)
        if self.special:
            array = numpy.where(generator.random(lengths) < 0.2, generator.choice(self.special, lengths), array)
        return array

    def holds(self, array):
        return bool(((array >= self.low) & (array <= self.high) & (abs(array) >= self.hole)).all())


REAL = Domain()
POSITIVE = Domain(0.25, 4.0)
NONZERO = Domain(-4.0, 4.0, hole=0.375)


class Source:
    """Random structure, the same for the same seed, and operands from a subclass.

    A subclass tells the shape and the dtype of the values that it gave away, by `shape_of` and `dtype_of`, and makes the leaves.
    """

    ranks = (0, 5)
    trains = False  # whether what it makes is for a graph that trains

    def __init__(self, seed, dtype):
        self.rng = random.Random(seed)
        self.generator = numpy.random.default_rng(self.rng.getrandbits(64))
        self.dtype = dtype

    def chance(self, probability):
        return self.rng.random() < probability

    def number(self, low, high):
        """A number that every dtype and the text of an option hold exactly."""
        return self.rng.randint(int(low * 16), int(high * 16)) / 16

    def length(self, least=0):
        return 0 if least == 0 and self.chance(0.03) else self.rng.choice((1, 2, 2, 3, 3, 4, 5))

    def axis(self, rank, among=None):
        """A random axis (of those in `among`), counted from either end."""
        axis = self.rng.choice(among or range(rank))
        return axis - rank if self.chance(0.5) else axis

    def axes(self, rank, among=None):
        """Distinct axes in any order, counted from either end; sometimes none, which stands for all."""
        among = list(range(rank) if among is None else among)
        chosen = self.rng.sample(among, self.rng.randint(0, len(among)))
        return [axis - rank if self.chance(0.5) else axis for axis in chosen]

    def options(self, **values):
        """Some of the options; the others keep their defaults."""
        return {key: value for key, value in values.items() if self.chance(0.7)}

    def reduced(self, shape):
        """A shape that broadcasts to `shape`."""
        start = self.rng.randint(0, len(shape)) if self.chance(0.4) else 0
        return tuple(1 if self.chance(0.25) else dimension for dimension in shape[start:])

    def widened(self, shape):
        """A shape that broadcasts with `shape`, to something that may be larger than either."""
        wide = list(self.reduced(shape))
        for axis in range(-len(wide), 0):
            if shape[axis] == 1 and self.chance(0.5):
                wide[axis] = self.length(least=1)
        if len(wide) == len(shape) < self.ranks[1] and self.chance(0.2):
            wide.insert(0, self.length(least=1))
        return tuple(wide)

    def tensor(self, shape=None, dtypes=None, domain=REAL, ranks=None, least=0, accept=None):
        """A value of one of the dtypes (the program's float unless said) with numbers in the domain.

        Its shape is `shape`, or a random one with a rank in `ranks` and no length under `least` that is accepted.
        """
        raise NotImplementedError

    def index(self, shape, length):
        """A value of integers from 0 to length - 1."""
        raise NotImplementedError

    def partner(self, shape, dtypes=None, domain=REAL):
        """A value that broadcasts with `shape`."""
        raise NotImplementedError

    def layer(self, name, shape, domain=REAL):
        """A parameter of that name with numbers in the domain, which the layer about to be called will make."""
        raise NotImplementedError

    def call(self, entry, shape, dtype):
        """The value of a call, which has that shape and dtype, as an operand."""
        raise NotImplementedError

    def mask(self, shape=None):
        return self.tensor(shape, MASKS)


class Fresh(Source):
    """Operands that are made for one call: leaves, or views of leaves, whose elements lie here and there."""

    def __init__(self, seed, dtype):
        super().__init__(seed, dtype)
        self.batch = self.rng.choice((1, 2, 3, 3, 5, 9) if self.chance(0.95) else (0,))
        self.program = Program((self.batch,))
        self.known = []  # the shape and the dtype of every entry

    def shape_of(self, ref):
        return self.known[ref][0]

    def dtype_of(self, ref):
        return self.known[ref][1]

    def shape(self, ranks=None, least=0):
        low, high = ranks or self.ranks
        rank = self.rng.randint(low, high)
        lengths = [self.length(least) for _ in range(rank)]
        if 1 <= rank <= 2 and self.chance(0.25):
            # Longer than a vector of any instruction set, with a rest.
            lengths[self.rng.randrange(rank)] = self.rng.choice((7, 16, 17, 33, 70))
        if rank and self.batch >= least and self.chance(0.35):
            lengths[self.rng.randrange(rank)] = BATCH * self.rng.choice((1, 1, 1, 2, 3))
        return tuple(lengths)

    def tensor(self, shape=None, dtypes=None, domain=REAL, ranks=None, least=0, accept=None):
        dtype = self.rng.choice(dtypes or (self.dtype,))
        if shape is None:
            shape = self.shape(ranks, least)
            for _ in range(100):
                if accept is None or accept(shape):
                    break
                shape = self.shape(ranks, least)
            else:
                raise RuntimeError("no shape is accepted")
        if dtype.is_float:
            on_grid = self.chance(0.3)
            return self._view(dtype, tuple(shape), lambda lengths: domain.draw(self.generator, lengths, on_grid))
        if dtype == Dtype.U8:
            return self._view(dtype, tuple(shape), self._truths)
        return self._view(dtype, tuple(shape), lambda lengths: self.generator.integers(-4, 5, lengths))

    def _truths(self, lengths):
        # Anything but 0 is true.
        return self.generator.choice((0, 0, 1, 1, 7, 255), lengths)

    def index(self, shape, length):
        most = resolve(length, self.batch)
        if most == 0:
            shape = (0,) + tuple(shape)[1:] if shape else (0,)
        return self._leaf(self.rng.choice(INTEGERS), tuple(shape),
                          lambda lengths: self.generator.integers(0, max(most, 1), lengths))

    def partner(self, shape, dtypes=None, domain=REAL):
        return self.tensor(self.widened(shape), dtypes, domain)

    def layer(self, name, shape, domain=REAL):
        array = domain.draw(self.generator, shape, on_grid=False).astype(self.dtype.numpy)
        return self._add(Leaf("layer", self.dtype, shape, (array,), name), shape, self.dtype)

    def call(self, entry, shape, dtype):
        return self._add(entry, shape, dtype)

    def _add(self, entry, shape, dtype):
        self.known.append((shape, dtype))
        return self.program.add(entry)

    def _leaf(self, dtype, shape, draw):
        array = numpy.asarray(draw(resolved(shape, self.batch))).astype(dtype.numpy)
        roles = ["input", "input"]
        if symbolic_axis(shape) is None:
            roles += ["constant"] + ["param"] * dtype.is_float
        return self._add(Leaf(self.rng.choice(roles), dtype, shape, (array,)), shape, dtype)

    def _view(self, dtype, shape, draw):
        """A leaf of that shape, or a call that makes one of a leaf of another shape by rearranging it."""
        kind = self.rng.choice(("permute", "slice", "flip", "broadcast")) if shape and self.chance(0.4) else None
        axis = self.rng.randrange(len(shape)) if shape else 0
        if kind == "permute":
            order = self.rng.sample(range(len(shape)), len(shape))
            leaf = self._leaf(dtype, tuple(shape[one] for one in order), draw)
            return self._add(Call("permute", (leaf, [order.index(one) for one in range(len(shape))])), shape, dtype)
        if kind == "slice" and not is_symbolic(shape[axis]):
            step = self.rng.choice((1, 2, 3))
            longer = list(shape)
            longer[axis] = 1 + step * shape[axis] + self.rng.randint(0, 2)
            leaf = self._leaf(dtype, tuple(longer), draw)
            return self._add(Call("slice", (leaf, axis, 1, 1 + step * shape[axis], step)), shape, dtype)
        if kind == "flip":
            return self._add(Call("flip", (self._leaf(dtype, shape, draw), [axis])), shape, dtype)
        if kind == "broadcast":
            leaf = self._leaf(dtype, self.reduced(shape), draw)
            return self._add(Call("broadcast_to", (leaf, list(shape))), shape, dtype)
        return self._leaf(dtype, shape, draw)

