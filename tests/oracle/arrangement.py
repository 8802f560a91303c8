"""What arranges elements: shapes, slices, indices."""
import math

import torch

from elementwise import cast
from nadir import BATCH, OPEN, is_symbolic, resolve
from program import Call, symbolic_axis
from reductions import all_axes
from table import ANY_DTYPE, operation

# -------------------------------------------------------------------------------------------------------------- shapes

SHAPES = "shapes"


def moved(s, **wanted):
    """An operand of an operation that only moves elements: of any dtype, mostly a float."""
    return s.tensor(dtypes=(s.dtype,) if s.chance(0.8) else ANY_DTYPE, **wanted)


def same_dtype(s, ref, shape):
    """Another operand of the dtype of `ref`."""
    return s.tensor(shape, dtypes=(s.dtype_of(ref),))


def shaping(sample, family=SHAPES, name=None):
    return operation(family, sample, exact=True, name=name)


def sample_broadcast_to(s):
    x = moved(s)
    shape = list(s.shape_of(x))
    # At most one dimension has the batch.
    shape = [s.length(least=1) if dimension == 1 and s.chance(0.6) else dimension for dimension in shape]
    while len(shape) < s.ranks[1] and s.chance(0.4):
        shape.insert(0, s.length())
    return Call("broadcast_to", (x, shape))


@shaping(sample_broadcast_to)
def broadcast_to(x, shape):
    return x.expand(shape)


def factors(s, number, rank):
    """A random shape of that rank with as many elements."""
    shape = []
    for _ in range(rank - 1):
        divisors = [one for one in range(1, number + 1) if number % one == 0] or [0, 1, 3]
        shape.append(s.rng.choice(divisors))
        number = number // shape[-1] if shape[-1] else 0
    shape.append(number)
    s.rng.shuffle(shape)
    return shape


def sample_reshape(s):
    x = moved(s)
    shape = s.shape_of(x)
    number = math.prod(dimension // BATCH if is_symbolic(dimension) else dimension for dimension in shape)
    has_batch = symbolic_axis(shape) is not None
    rank = s.rng.randint(1, 4) if has_batch or number != 1 or s.chance(0.8) else 0
    target = factors(s, number, rank) if rank else []
    if has_batch:
        target[s.rng.randrange(rank)] *= BATCH
        if number == 0:
            target = [dimension or 0 for dimension in target]
    if rank and number and 0 not in s.program.batches and s.chance(0.3):
        target[s.rng.randrange(rank)] = -1
    return Call("reshape", (x, target))


@shaping(sample_reshape)
def reshape(x, shape):
    return x.reshape(shape)


def sample_flatten(s):
    # Two dimensions with the batch among them make a multiple of it; a multiple of nothing is no batch.
    x = moved(s, accept=lambda shape: 0 not in shape or symbolic_axis(shape) is None)
    rank = len(s.shape_of(x))
    start, end = sorted(s.rng.randrange(rank) for _ in range(2)) if rank else (0, 0)
    if rank and s.chance(0.4):
        start, end = start - rank, end - rank
    return Call("flatten", (x, start, end))


@shaping(sample_flatten)
def flatten(x, start_axis, end_axis):
    return x.flatten(start_axis, end_axis)


def sample_squeeze(s):
    # A batch stays, were it 1.
    x = moved(s, accept=lambda shape: not any(is_symbolic(one) and resolve(one, batch) == 1
                                              for one in shape for batch in s.program.batches))
    return Call("squeeze", (x, s.axes(len(s.shape_of(x)))))


@shaping(sample_squeeze)
def squeeze(x, axes):
    axes = all_axes(x, axes)
    return x.reshape([length for axis, length in enumerate(x.shape) if length != 1 or axis not in axes])


def sample_unsqueeze(s):
    x = moved(s)
    return Call("unsqueeze", (x, s.axis(len(s.shape_of(x)) + 1)))


@shaping(sample_unsqueeze)
def unsqueeze(x, axis):
    return x.unsqueeze(axis)


def sample_permute(s):
    x = moved(s)
    rank = len(s.shape_of(x))
    return Call("permute", (x, [axis - rank if s.chance(0.3) else axis for axis in s.rng.sample(range(rank), rank)]))


@shaping(sample_permute)
def permute(x, axes):
    return x.permute(axes)


def sample_transpose(s):
    x = moved(s, ranks=(1, s.ranks[1]))
    rank = len(s.shape_of(x))
    return Call("transpose", (x, s.axis(rank), s.axis(rank)))


@shaping(sample_transpose)
def transpose(x, axis_a, axis_b):
    return x.transpose(axis_a, axis_b)


def sample_flip(s):
    x = moved(s)
    return Call("flip", (x, s.axes(len(s.shape_of(x)))))


@shaping(sample_flip)
def flip(x, axes):
    return x.flip(all_axes(x, axes))


# -------------------------------------------------------------------------------------------------- slices and joining

SLICES = "slices, joining, padding"


def random_slice(s, dimension):
    """Start, stop and step of a slice of a dimension, on the batch such as Nadir allows."""
    if is_symbolic(dimension):
        if s.chance(0.3):
            return OPEN, OPEN, s.rng.choice((1, -1))
        most = dimension // BATCH
        start, stop = sorted(s.rng.randint(0, most) for _ in range(2))
        return (start * BATCH or s.rng.choice((0, OPEN)), stop * BATCH, 1)
    ends = [OPEN if s.chance(0.25) else s.rng.randint(-dimension - 1, dimension + 1) for _ in range(2)]
    return (*ends, s.rng.choice((1, 1, 1, 2, 3, -1, -2)))


def numbers_of(x, axis, start, stop, step):
    """The indices of a slice."""
    return list(range(x.shape[axis]))[start:stop:step]


def taken(x, axis, numbers):
    """The slices of x with these numbers."""
    return x.index_select(axis, torch.tensor(numbers, dtype=torch.int64))


def sample_slice(s):
    x = moved(s, ranks=(1, s.ranks[1]))
    axis = s.axis(len(s.shape_of(x)))
    return Call("slice", (x, axis, *random_slice(s, s.shape_of(x)[axis])))


@shaping(sample_slice, SLICES, name="slice")
def slice_of(x, axis, start, stop, step):
    return taken(x, axis, numbers_of(x, axis, start, stop, step))


def sliced_dimension(dimension, start, stop, step):
    """The length of a slice of a dimension; on the batch as a multiple of it."""
    unit = BATCH if is_symbolic(dimension) else 1
    ends = [None if end == OPEN else end // unit for end in (start, stop)]
    return len(range(dimension // unit)[ends[0]:ends[1]:step]) * unit


def sample_slice_set(s):
    x = moved(s, ranks=(1, s.ranks[1]))
    shape = list(s.shape_of(x))
    axis = s.axis(len(shape))
    ends = random_slice(s, shape[axis])
    shape[axis] = sliced_dimension(shape[axis], *ends)
    return Call("slice_set", (x, axis, *ends, same_dtype(s, x, s.reduced(shape))))


@shaping(sample_slice_set, SLICES)
def slice_set(x, axis, start, stop, step, value):
    numbers = numbers_of(x, axis, start, stop, step)
    lengths = list(x.shape)
    lengths[axis] = len(numbers)
    # Behind x the values, and for each place the number of what it holds then.
    origins = list(range(x.shape[axis]))
    for position, number in enumerate(numbers):
        origins[number] = x.shape[axis] + position
    return taken(torch.cat([x, value.expand(lengths)], axis), axis, origins)


def sample_concat(s):
    x = moved(s, ranks=(1, s.ranks[1]))
    shape = list(s.shape_of(x))
    axis = s.axis(len(shape))
    xs = [x]
    for _ in range(s.rng.randint(0, 3)):
        if not is_symbolic(shape[axis]):
            shape[axis] = s.length()
        xs.append(same_dtype(s, x, tuple(shape)))
    s.rng.shuffle(xs)
    return Call("concat", (xs, axis))


@shaping(sample_concat, SLICES)
def concat(xs, axis):
    return torch.cat(xs, axis)


def sample_stack(s):
    x = moved(s)
    shape = s.shape_of(x)
    xs = [x] + [same_dtype(s, x, shape) for _ in range(s.rng.randint(0, 3))]
    s.rng.shuffle(xs)
    return Call("stack", (xs, s.axis(len(shape) + 1)))


@shaping(sample_stack, SLICES)
def stack(xs, axis):
    return torch.stack(xs, axis)


def sample_split(s):
    x = moved(s, ranks=(1, s.ranks[1]))
    axis = s.axis(len(s.shape_of(x)))
    dimension = s.shape_of(x)[axis]
    unit = BATCH if is_symbolic(dimension) else 1
    whole = dimension // unit
    cuts = [0] + sorted(s.rng.randint(0, whole) for _ in range(s.rng.randint(0, 2))) + [whole]
    lengths = [(end - start) * unit for start, end in zip(cuts, cuts[1:])]
    return Call("split", (x, axis, lengths), piece=s.rng.randrange(len(lengths)))


@shaping(sample_split, SLICES)
def split(x, axis, lengths):
    return torch.split(x, lengths, axis)


def sample_pad(s):
    mode = s.rng.choice(("constant", "constant", "reflect", "replicate"))
    x = moved(s, ranks=(1, s.ranks[1]), least=1,
              accept=lambda shape: any(not is_symbolic(dimension) for dimension in shape))
    shape = s.shape_of(x)
    axis = s.axis(len(shape), [number for number, dimension in enumerate(shape) if not is_symbolic(dimension)])
    most = shape[axis] - 1 if mode == "reflect" else 3
    options = s.options(mode=mode)
    if options.get("mode", "constant") == "constant":
        options.update(s.options(value=s.number(-2, 2) // 1))
        most = 3
    return Call("pad", (x, axis, s.rng.randint(0, most), s.rng.randint(0, most)), options)


@shaping(sample_pad, SLICES)
def pad(x, axis, before, after, mode="constant", value=0):
    length = x.shape[axis]
    places = range(-before, length + after)
    if mode == "constant":
        lengths = list(x.shape)
        lengths[axis] = 1
        padding = cast(torch.full(lengths, value, dtype=torch.float64), x.dtype)
        return taken(torch.cat([x, padding], axis), axis, [one if 0 <= one < length else length for one in places])
    if mode == "replicate":
        return taken(x, axis, [min(max(one, 0), length - 1) for one in places])
    period = max(2 * (length - 1), 1)
    return taken(x, axis, [min(one % period, period - one % period) if length > 1 else 0 for one in places])


def sample_repeat(s):
    x = moved(s)
    rank = len(s.shape_of(x))
    extra = s.rng.randint(0, min(2, s.ranks[1] - rank))
    repeats = [0 if s.chance(0.03) else s.rng.choice((1, 1, 2, 3)) for _ in range(rank + extra)]
    return Call("repeat", (x, repeats))


@shaping(sample_repeat, SLICES)
def repeat(x, repeats):
    return x.repeat(repeats)


def constant_axis(s, **wanted):
    """An operand, and an axis of it that is not the batch."""
    x = moved(s, ranks=(1, s.ranks[1]),
              accept=lambda shape: any(not is_symbolic(dimension) for dimension in shape), **wanted)
    shape = s.shape_of(x)
    return x, s.axis(len(shape), [axis for axis, dimension in enumerate(shape) if not is_symbolic(dimension)])


@shaping(lambda s: Call("roll", (*constant_axis(s), s.rng.randint(-7, 7))), SLICES)
def roll(x, axis, shift):
    return torch.roll(x, shift, axis)


# ------------------------------------------------------------------------------------------------------------- indices

INDICES = "indices"


def sample_index(s, ref, axis):
    """An index into an axis of `ref`, and the shape of what it selects."""
    shape = s.shape_of(ref)
    axis %= len(shape)
    room = s.ranks[1] - len(shape) + 1
    index_shape = [s.length() for _ in range(s.rng.randint(0, min(room, 2)))]
    others = shape[:axis] + shape[axis + 1:]
    if index_shape and symbolic_axis(others) is None and s.chance(0.3):
        index_shape[0] = BATCH
    index = s.index(tuple(index_shape), shape[axis])
    return index, shape[:axis] + tuple(s.shape_of(index)) + shape[axis + 1:]


def sample_index_select(s):
    x = moved(s, ranks=(1, s.ranks[1]), least=1)
    axis = s.axis(len(s.shape_of(x)))
    return Call("index_select", (x, axis, sample_index(s, x, axis)[0]))


@shaping(sample_index_select, INDICES)
def index_select(x, axis, index):
    axis %= x.dim()
    lengths = list(x.shape[:axis]) + list(index.shape) + list(x.shape[axis + 1:])
    return x.index_select(axis, index.flatten()).reshape(lengths)


def sample_index_add(s):
    x = s.tensor(ranks=(1, s.ranks[1]), least=1)
    axis = s.axis(len(s.shape_of(x)))
    index, shape = sample_index(s, x, axis)
    return Call("index_add", (x, axis, index, s.tensor(shape)))


@operation(INDICES, sample_index_add)
def index_add(x, axis, index, values):
    axis %= x.dim()
    lengths = list(x.shape)
    lengths[axis] = index.numel()
    return x.index_add(axis, index.flatten(), values.reshape(lengths))


def sample_elements(s, ref, axis):
    """An index of single elements along an axis of `ref`."""
    shape = s.shape_of(ref)
    axis %= len(shape)
    chosen = [dimension if is_symbolic(dimension) or s.chance(0.6) else s.rng.randint(0, dimension)
              for dimension in shape]
    chosen[axis] = s.length()
    if symbolic_axis(shape) == axis and s.chance(0.5):
        chosen[axis] = BATCH
    return s.index(tuple(chosen), shape[axis])


def sample_gather(s):
    x = moved(s, ranks=(1, s.ranks[1]), least=1)
    axis = s.axis(len(s.shape_of(x)))
    return Call("gather", (x, axis, sample_elements(s, x, axis)))


@shaping(sample_gather, INDICES)
def gather(x, axis, index):
    return torch.gather(x, axis, index.to(torch.int64))


def sample_scatter_add(s):
    x = s.tensor(ranks=(1, s.ranks[1]), least=1)
    axis = s.axis(len(s.shape_of(x)))
    index = sample_elements(s, x, axis)
    return Call("scatter_add", (x, axis, index, s.tensor(s.shape_of(index))))


@operation(INDICES, sample_scatter_add)
def scatter_add(x, axis, index, values):
    return x.scatter_add(axis, index.to(torch.int64), values)


def sample_one_hot(s):
    shape = s.shape_of(s.tensor(ranks=(0, s.ranks[1] - 1)))
    classes = s.rng.choice((1, 2, 3, 4, 5))
    # Some of the indices are outside.
    index = s.index(shape, classes + 1)
    return Call("one_hot", (index, classes, s.dtype if s.chance(0.8) else s.rng.choice(ANY_DTYPE)))


@operation(INDICES, sample_one_hot, exact=True)
def one_hot(index, classes, dtype):
    return (index.unsqueeze(-1) == torch.arange(classes)).to(dtype)


def sample_triangle(name):
    def sample(s):
        x = s.tensor(ranks=(2, s.ranks[1]), accept=lambda shape: not any(map(is_symbolic, shape[-2:])))
        return Call(name, (x, s.rng.randint(-4, 4)))
    return sample


@operation(INDICES, sample_triangle("tril"), exact=True)
def tril(x, diagonal):
    return x.tril(diagonal)


@operation(INDICES, sample_triangle("triu"), exact=True)
def triu(x, diagonal):
    return x.triu(diagonal)
