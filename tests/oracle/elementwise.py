"""The operations that compute element by element, and those that make tensors of nothing."""
import math

import torch
import torch.nn.functional as F

from nadir import Dtype
from program import Call, broadcast
from sources import MASKS, NONZERO, POSITIVE, REAL, Domain
from table import ANY_DTYPE, OPERATIONS, Operation, mask, operation

# -------------------------------------------------------------------------------------------- elementwise, one operand


def unary(name, reference, domain=REAL, kinks=None, exact=False, family="functions of one operand"):
    def sample(s):
        return Call(name, (s.tensor(domain=domain),))
    OPERATIONS[name] = Operation(family, reference, sample, kinks, exact)


def away_from(*points):
    """The distance of an operand from the nearest of the points."""
    return lambda x, *_, **__: torch.stack([abs(x - point) for point in points]).amin(0)


def away_from_integers(x, *_, **__):
    return abs(x - x.round())


ACTIVATIONS = "activations"
WIDE = Domain(-8, 8)

unary("neg", torch.neg, exact=True)
unary("abs", torch.abs, kinks=away_from(0), exact=True)
unary("sign", torch.sign, kinks=away_from(0), exact=True)
unary("square", torch.square)
unary("sqrt", torch.sqrt, POSITIVE)
unary("rsqrt", torch.rsqrt, POSITIVE)
unary("reciprocal", torch.reciprocal, NONZERO)
unary("floor", torch.floor, kinks=away_from_integers, exact=True)
unary("ceil", torch.ceil, kinks=away_from_integers, exact=True)
unary("round", torch.round, kinks=lambda x: abs(x - x.floor() - 0.5), exact=True)
unary("trunc", torch.trunc, kinks=away_from_integers, exact=True)

unary("exp", torch.exp)
unary("expm1", torch.expm1)
unary("log", torch.log, POSITIVE)
unary("log1p", torch.log1p, Domain(-0.75, 4))
unary("log2", torch.log2, POSITIVE)
unary("sin", torch.sin, WIDE)
unary("cos", torch.cos, WIDE)
unary("tan", torch.tan, Domain(-1.25, 1.25))
unary("asin", torch.asin, Domain(-0.9, 0.9))
unary("acos", torch.acos, Domain(-0.9, 0.9))
unary("atan", torch.atan)
unary("sinh", torch.sinh)
unary("cosh", torch.cosh)
unary("tanh", torch.tanh)
unary("erf", torch.erf)
unary("erfc", torch.erfc)

unary("sigmoid", torch.sigmoid, WIDE, family=ACTIVATIONS)
unary("log_sigmoid", F.logsigmoid, WIDE, family=ACTIVATIONS)
unary("silu", F.silu, WIDE, family=ACTIVATIONS)
unary("gelu", F.gelu, family=ACTIVATIONS)
# Far out, 1 - tanh² is a difference of nearly equal numbers, here and there.
unary("gelu_tanh", lambda x: F.gelu(x, approximate="tanh"), Domain(-3, 3), family=ACTIVATIONS)
unary("mish", F.mish, Domain(-3, 3), family=ACTIVATIONS)
unary("relu", F.relu, kinks=away_from(0), exact=True, family=ACTIVATIONS)
unary("relu6", F.relu6, WIDE, kinks=away_from(0, 6), exact=True, family=ACTIVATIONS)
unary("softsign", F.softsign, family=ACTIVATIONS)
# PyTorch's hardsigmoid has no second derivative.
unary("hard_sigmoid", lambda x: F.relu6(x + 3) / 6, kinks=away_from(-3, 3), family=ACTIVATIONS)
# The gradient of PyTorch's hardswish at -3 and 3 depends on the width of its vectors.
unary("hard_swish", lambda x: x * (x + 3).clamp(0, 6) / 6, kinks=away_from(-3, 3), family=ACTIVATIONS)


def sample_softplus(s):
    return Call("softplus", (s.tensor(domain=WIDE),), s.options(beta=s.number(0.5, 3), threshold=s.number(2, 20)))


@operation(ACTIVATIONS, sample_softplus,
           margin=lambda x, beta=1, threshold=20: abs(x * beta - threshold))
def softplus(x, beta=1, threshold=20):
    # At the threshold PyTorch's softplus has the second derivative from the right, and the first from the left.
    return torch.where(x * beta > threshold, x, torch.log1p(torch.exp(x * beta)) / beta)


@operation(ACTIVATIONS, lambda s: Call("elu", (s.tensor(),), s.options(alpha=s.number(0.25, 2))),
           margin=away_from(0))
def elu(x, alpha=1):
    # At 0 PyTorch's elu has the second derivative 0, and not the one from the left, as its first derivative is.
    return torch.where(x > 0, x, alpha * torch.expm1(x))


unary("selu", lambda x: 1.0507009873554805 * elu(x, 1.6732632423543772), kinks=away_from(0), family=ACTIVATIONS)


@operation(ACTIVATIONS, lambda s: Call("leaky_relu", (s.tensor(),), s.options(negative_slope=s.number(-1, 1))),
           margin=away_from(0))
def leaky_relu(x, negative_slope=0.01):
    return F.leaky_relu(x, negative_slope)


@operation(ACTIVATIONS, lambda s: Call("dropout", (s.tensor(), s.number(0, 0.9))), exact=True)
def dropout(x, probability):
    # Outside training, where nothing is dropped.
    return x


def sample_clamp(s):
    low = s.number(-3, 2)
    return Call("clamp", (s.tensor(), low, low + s.number(0, 3)))


@operation(ACTIVATIONS, sample_clamp, exact=True, margin=lambda x, low, high: away_from(low, high)(x))
def clamp(x, low, high):
    return x.clamp(low, high)


# ---------------------------------------------------------------------------------- elementwise, two operands, numbers


def sample_pair(s, name, domains, dtypes=None):
    """A call with two operands that broadcast, either of which may be the larger one."""
    first, second = s.rng.sample((0, 1), 2)
    operands = [None, None]
    operands[first] = s.tensor(dtypes=dtypes, domain=domains[first])
    operands[second] = s.partner(s.shape_of(operands[first]), dtypes, domains[second])
    return Call(name, tuple(operands))


def binary(name, reference, domains=(REAL, REAL), margin=None, exact=False):
    OPERATIONS[name] = Operation("functions of two operands", reference, lambda s: sample_pair(s, name, domains),
                                 margin, exact)


def away_from_steps(a, b):
    """How far a is from the nearest multiple of b."""
    return abs(a - b * (a / b).round())


def away_from_cut(a, b):
    """How far a point is from the origin and from the half line where its angle jumps."""
    return torch.where(b < 0, abs(a), torch.hypot(a, b))


def away_from_equal(a, b):
    return abs(a - b) if a.is_floating_point() else torch.full_like(a, math.inf, dtype=torch.float64)


binary("add", torch.add, exact=True)
binary("sub", torch.sub, exact=True)
binary("mul", torch.mul, exact=True)
binary("div", torch.div, (REAL, NONZERO), exact=True)
binary("maximum", torch.maximum, margin=away_from_equal, exact=True)
binary("minimum", torch.minimum, margin=away_from_equal, exact=True)
binary("atan2", torch.atan2, (NONZERO, NONZERO), margin=away_from_cut)


def floor_quotient(a, b):
    return torch.div(a, b, rounding_mode="floor")


binary("floor_div", floor_quotient, (REAL, NONZERO), margin=away_from_steps, exact=True)
binary("mod", torch.remainder, (REAL, NONZERO), margin=away_from_steps)


def sample_pow(s):
    # A negative number has whole powers only, and those only have a gradient with respect to it.
    if s.chance(0.3):
        exponent = s.number(0, 3) // 1
        x = s.tensor(domain=NONZERO)
        return Call("pow", (x, s.tensor(s.reduced(s.shape_of(x)), domain=Domain(exponent, exponent))))
    return sample_pair(s, "pow", (POSITIVE, Domain(-2, 2)))


binary("pow", torch.pow)
OPERATIONS["pow"].sample = sample_pow

NUMBERS = "functions with a number"


@operation(NUMBERS, lambda s: Call("scale", (s.tensor(), s.number(-3, 3))), exact=True)
def scale(x, factor):
    return x * factor


@operation(NUMBERS, lambda s: Call("add_scalar", (s.tensor(), s.number(-3, 3))), exact=True)
def add_scalar(x, number):
    return x + number


@operation(NUMBERS, lambda s: Call("div_scalar", (s.tensor(), s.rng.choice((-1, 1)) * s.number(0.25, 3))))
def div_scalar(x, number):
    return x / number


@operation(NUMBERS, lambda s: Call("scalar_div", (s.number(-3, 3), s.tensor(domain=NONZERO))))
def scalar_div(number, x):
    return number / x


@operation(NUMBERS, lambda s: Call("scalar_sub", (s.number(-3, 3), s.tensor())), exact=True)
def scalar_sub(number, x):
    return number - x


def sample_with_step(name):
    return lambda s: Call(name, (s.tensor(), s.rng.choice((-1, 1)) * s.number(0.5, 3)))


@operation(NUMBERS, sample_with_step("floor_div_scalar"), margin=away_from_steps, exact=True)
def floor_div_scalar(x, number):
    return floor_quotient(x, torch.full_like(x, number))


@operation(NUMBERS, sample_with_step("mod_scalar"), margin=away_from_steps)
def mod_scalar(x, number):
    return torch.remainder(x, number)


def sample_pow_scalar(s):
    if s.chance(0.4):
        return Call("pow_scalar", (s.tensor(domain=NONZERO), float(s.rng.choice((-2, -1, 0, 1, 2, 3)))))
    return Call("pow_scalar", (s.tensor(domain=POSITIVE), s.number(-2, 3)))


@operation(NUMBERS, sample_pow_scalar)
def pow_scalar(x, number):
    return torch.pow(x, number)


@operation(NUMBERS, lambda s: Call("scalar_pow", (s.number(0.25, 3), s.tensor(domain=Domain(-2, 2)))))
def scalar_pow(number, x):
    return torch.pow(torch.full_like(x, number), x)


# ---------------------------------------------------------------------------------------------------- masks and dtypes

MASKED = "comparisons, masks, casts"
STRANGE = Domain(-3, 3, special=(math.nan, math.inf, -math.inf))


@operation(MASKED, lambda s: Call("is_nan", (s.tensor(domain=STRANGE),)), exact=True)
def is_nan(x):
    return mask(x.isnan())


@operation(MASKED, lambda s: Call("is_finite", (s.tensor(domain=STRANGE),)), exact=True)
def is_finite(x):
    return mask(x.isfinite())


def comparison(name, reference):
    def sample(s):
        # Any dtype, but one for both.
        dtype = s.rng.choice((s.dtype, s.dtype, Dtype.I32, Dtype.I64, Dtype.U8))
        return sample_pair(s, name, (STRANGE, STRANGE), (dtype,))
    OPERATIONS[name] = Operation(MASKED, lambda a, b: mask(reference(a, b)), sample, away_from_equal, exact=True)


for each in ("eq", "ne", "lt", "le", "gt", "ge"):
    comparison(each, getattr(torch, each))


def logic(name, reference):
    OPERATIONS[name] = Operation(MASKED, lambda a, b: mask(reference(a != 0, b != 0)),
                                 lambda s: sample_pair(s, name, (REAL, REAL), MASKS), exact=True)


logic("logical_and", torch.logical_and)
logic("logical_or", torch.logical_or)
logic("logical_xor", torch.logical_xor)


@operation(MASKED, lambda s: Call("logical_not", (s.mask(),)), exact=True)
def logical_not(x):
    return mask(x == 0)


def sample_where(s):
    dtypes = (s.rng.choice((s.dtype, s.dtype, s.dtype, Dtype.I32, Dtype.I64, Dtype.U8)),)
    a = s.tensor(dtypes=dtypes)
    b = s.partner(s.shape_of(a), dtypes)
    return Call("where", (s.partner(broadcast(s.shape_of(a), s.shape_of(b)), MASKS), a, b))


@operation(MASKED, sample_where, exact=True)
def where(chosen, a, b):
    return torch.where(chosen != 0, a, b)


def sample_cast(s):
    return Call("cast", (s.tensor(dtypes=ANY_DTYPE), s.rng.choice(ANY_DTYPE)))


@operation(MASKED, sample_cast, exact=True)
def cast(x, dtype):
    if dtype != x.dtype and torch.uint8 in (dtype, x.dtype):
        x = mask(x != 0)
    return x.to(dtype)


@operation(MASKED, lambda s: Call("stop_gradient", (s.tensor(),)), exact=True)
def stop_gradient(x):
    return x.detach()


# --------------------------------------------------------------------------------------------------- made from nothing

MADE = "made from nothing (random numbers: their mean)"


def made_shape(s):
    """A random shape; it has the batch only if something tells the batch."""
    return list(s.shape_of(s.tensor()))


def sample_full(s):
    return Call("full", (s.rng.choice(ANY_DTYPE), made_shape(s), s.number(-3, 3)))


@operation(MADE, sample_full, exact=True)
def full(dtype, shape, value):
    return cast(torch.full(shape, value, dtype=torch.float64), dtype)


def sample_uniform(s):
    return Call("uniform", (s.dtype, made_shape(s)), s.options(low=s.number(-3, 0), high=s.number(1, 3)))


@operation(MADE, sample_uniform)
def uniform(dtype, shape, low=0, high=1):
    return torch.full(shape, (low + high) / 2, dtype=dtype)


def sample_normal(s):
    return Call("normal", (s.dtype, made_shape(s)), s.options(mean=s.number(-3, 3), std=s.number(0, 3)))


@operation(MADE, sample_normal)
def normal(dtype, shape, mean=0, std=1):
    return torch.full(shape, float(mean), dtype=dtype)


@operation(MADE, lambda s: Call("bernoulli", (s.dtype, made_shape(s), s.number(0, 1))))
def bernoulli(dtype, shape, probability):
    return torch.full(shape, probability, dtype=dtype)
