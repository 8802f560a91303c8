"""Products of matrices and losses; and what computes along axes."""
import math

import torch
import torch.nn.functional as F

from nadir import is_symbolic
from program import Call, symbolic_axis
from sources import MASKS, REAL, Domain
from table import mask, operation

# ------------------------------------------------------------------------------------------------------------ products

PRODUCTS = "products and losses"


def sample_matmul(s):
    options = s.options(transpose_a=s.rng.randint(0, 1), transpose_b=s.rng.randint(0, 1))
    x = s.tensor(ranks=(1, s.ranks[1]))
    shape = s.shape_of(x)
    side = s.rng.randint(0, 1)  # whether x is a or b
    # Which of x's last two dimensions is summed over: the last of an a, the one before it of a b.
    summed = -1 if len(shape) == 1 or side == options.get(("transpose_a", "transpose_b")[side], 0) else -2
    if len(shape) > 1 and s.chance(0.2):
        other = (shape[summed],)
    else:
        batched = symbolic_axis(shape) is not None
        free = s.rng.choice((1, 2, 3, 4, 5, 20)) if batched or s.chance(0.9) else s.length()
        other_transposed = options.get(("transpose_b", "transpose_a")[side], 0)
        last_is_summed = (1 - side) == other_transposed
        leading = s.widened(shape[:-2]) if s.chance(0.5) else ()
        leading = leading[-(s.ranks[1] - 2):]
        other = leading + ((free, shape[summed]) if last_is_summed else (shape[summed], free))
    pair = (x, s.tensor(other))
    return Call("matmul", pair if side == 0 else pair[::-1], options)


@operation(PRODUCTS, sample_matmul)
def matmul(a, b, transpose_a=0, transpose_b=0):
    return torch.matmul(a.mT if transpose_a and a.dim() > 1 else a, b.mT if transpose_b and b.dim() > 1 else b)


def sample_dot(s):
    a = s.tensor(ranks=(1, 1))
    return Call("dot", (a, s.tensor(s.shape_of(a))))


@operation(PRODUCTS, sample_dot)
def dot(a, b):
    return torch.dot(a, b)


def sample_outer(s):
    a = s.tensor(ranks=(1, 1))
    pair = (a, s.tensor((s.length(),)))
    return Call("outer", pair if s.chance(0.5) else pair[::-1])


@operation(PRODUCTS, sample_outer)
def outer(a, b):
    return torch.outer(a, b)


# ---------------------------------------------------------------------------------------------------------- reductions

REDUCTIONS = "reductions"


def sample_reduction(name, least=0, batch=True, dtypes=None, **choices):
    """A sampler of calls with axes, and options of which each has some values to choose from."""
    def sample(s):
        x = s.tensor(dtypes=dtypes, least=least)
        shape = s.shape_of(x)
        axes = s.axes(len(shape), [axis for axis in range(len(shape)) if batch or not is_symbolic(shape[axis])])
        if not batch and not axes and symbolic_axis(shape) is not None:
            # None stand for all, among them the batch.
            x = s.tensor(dtypes=dtypes, least=least, accept=lambda shape: symbolic_axis(shape) is None)
        options = {key: s.rng.choice(values) for key, values in choices.items()}
        return Call(name, (x, axes), s.options(keepdim=s.rng.randint(0, 1), **options))
    return sample


def all_axes(x, axes):
    return [axis % x.dim() for axis in axes] or list(range(x.dim()))


def gathered(x, axes):
    """x with the axes as one, the last."""
    axes = all_axes(x, axes)
    others = [axis for axis in range(x.dim()) if axis not in axes]
    lengths = [x.shape[axis] for axis in others]
    return x.permute(others + axes).reshape(lengths + [math.prod(x.shape[axis] for axis in axes)])


def kept(y, x, axes, keepdim):
    """The result of a reduction of `gathered` with the axes as 1, if that is wanted."""
    axes = all_axes(x, axes)
    return y.reshape([1 if axis in axes else x.shape[axis] for axis in range(x.dim())]) if keepdim else y


def lead(x):
    """By how much the greatest along the last axis leads."""
    if x.shape[-1] < 2:
        return torch.full((1,), math.inf)
    greatest = x.topk(2, -1).values
    return greatest[..., 0] - greatest[..., 1]


@operation(REDUCTIONS, sample_reduction("sum"), name="sum")
def sum_over(x, axes, keepdim=0):
    return kept(gathered(x, axes).sum(-1), x, axes, keepdim)


@operation(REDUCTIONS, sample_reduction("mean", least=1))
def mean(x, axes, keepdim=0):
    return x.mean(all_axes(x, axes), bool(keepdim))


@operation(REDUCTIONS, sample_reduction("prod", batch=False))
def prod(x, axes, keepdim=0):
    return kept(gathered(x, axes).prod(-1), x, axes, keepdim)


@operation(REDUCTIONS, sample_reduction("max", least=1), exact=True, name="max",
           margin=lambda x, axes, keepdim=0: lead(gathered(x, axes)))
def max_over(x, axes, keepdim=0):
    return x.amax(all_axes(x, axes), bool(keepdim))


@operation(REDUCTIONS, sample_reduction("min", least=1), exact=True, name="min",
           margin=lambda x, axes, keepdim=0: lead(-gathered(x, axes)))
def min_over(x, axes, keepdim=0):
    return x.amin(all_axes(x, axes), bool(keepdim))


def sample_spread(name):
    """A call of var or std, whose divisor is positive."""
    def sample(s):
        call = sample_reduction(name, least=1, correction=(0, 0, 1, 2))(s)
        shape, axes = s.shape_of(call.arguments[0]), call.arguments[1]
        lengths = [shape[axis] for axis in axes] if axes else shape
        # The batch may be 1.
        if math.prod(1 if is_symbolic(one) else one for one in lengths) <= call.options.get("correction", 1):
            call.options["correction"] = 0
        return call
    return sample


@operation(REDUCTIONS, sample_spread("var"))
def var(x, axes, keepdim=0, correction=1):
    return torch.var(x, all_axes(x, axes), correction=correction, keepdim=bool(keepdim))


@operation(REDUCTIONS, sample_spread("std"),
           margin=lambda x, axes, keepdim=0, correction=1: std(x, axes, correction=correction) / 50)
def std(x, axes, keepdim=0, correction=1):
    return torch.std(x, all_axes(x, axes), correction=correction, keepdim=bool(keepdim))


def away_from_corners(x, axes, p=2, keepdim=0):
    """How far the operand of a norm is from where it has no derivative."""
    if p == 1:
        return abs(x)
    if p == 2:
        return norm(x, axes) / 50
    return torch.minimum(lead(abs(gathered(x, axes))), norm(x, axes, p="inf"))


@operation(REDUCTIONS, sample_reduction("norm", least=1, p=(1, 2, "inf")), margin=away_from_corners)
def norm(x, axes, p=2, keepdim=0):
    return torch.linalg.vector_norm(x, float(p), all_axes(x, axes), bool(keepdim))


@operation(REDUCTIONS, sample_reduction("logsumexp", least=1))
def logsumexp(x, axes, keepdim=0):
    return torch.logsumexp(x, all_axes(x, axes), bool(keepdim)) if x.dim() else x.clone()


@operation(REDUCTIONS, sample_reduction("any", dtypes=MASKS), exact=True, name="any")
def any_over(x, axes, keepdim=0):
    return kept(mask((gathered(x, axes) != 0).any(-1)), x, axes, keepdim)


@operation(REDUCTIONS, sample_reduction("all", dtypes=MASKS), exact=True, name="all")
def all_over(x, axes, keepdim=0):
    return kept(mask((gathered(x, axes) != 0).all(-1)), x, axes, keepdim)


def sample_along(name, least=0, domain=REAL, **choices):
    """A sampler of calls along one axis."""
    def sample(s):
        x = s.tensor(ranks=(1, s.ranks[1]), least=least, domain=domain)
        options = {key: s.rng.choice(values) for key, values in choices.items()}
        return Call(name, (x, s.axis(len(s.shape_of(x)))), s.options(**options))
    return sample


@operation(REDUCTIONS, sample_along("argmax", least=1, domain=Domain(special=(math.nan, math.inf)), keepdim=(0, 1)),
           exact=True, margin=lambda x, axis, keepdim=0: lead(gathered(x, [axis])))
def argmax(x, axis, keepdim=0):
    return x.argmax(axis, bool(keepdim))


@operation(REDUCTIONS, sample_along("argmin", least=1, domain=Domain(special=(math.nan, -math.inf)), keepdim=(0, 1)),
           exact=True, margin=lambda x, axis, keepdim=0: lead(-gathered(x, [axis])))
def argmin(x, axis, keepdim=0):
    return x.argmin(axis, bool(keepdim))


@operation(REDUCTIONS, sample_along("cumsum", reverse=(0, 1)))
def cumsum(x, axis, reverse=0):
    return x.flip(axis).cumsum(axis).flip(axis) if reverse else x.cumsum(axis)


@operation(REDUCTIONS, sample_along("softmax", least=1))
def softmax(x, axis):
    return torch.softmax(x, axis)


@operation(REDUCTIONS, sample_along("log_softmax", least=1))
def log_softmax(x, axis):
    return torch.log_softmax(x, axis)
