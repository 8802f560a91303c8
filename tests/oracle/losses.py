"""Losses."""
import torch
import torch.nn.functional as F

from layers import SMALL, tensor_or_none
from nadir import BATCH, NONE, Dtype
from program import Call
from sources import Domain
from table import operation

LOSSES = "losses"
PROBABILITY = Domain(0.0625, 0.9375)


def reduction(s, *more):
    # The mean of nothing is NaN, and so are its derivatives.
    mean = () if getattr(s, "batch", 1) == 0 else ("mean",)
    return s.rng.choice(mean + ("sum", "none") + more)


def some(s, reduction, **values):
    """Options, of which those besides the reduction, which have a kink at their defaults, are always given."""
    chosen = {} if reduction == "mean" and s.chance(0.5) else {"reduction": reduction}
    return {**chosen, **values}


def enter_pair(name, function, target=None, prediction=None, choices=None, more=()):
    """A loss of two of one shape; the target has numbers of a domain, or is made a sign of numbers that are not 0."""
    def sample(s):
        x = s.tensor(least=1, domain=prediction or SMALL)
        t = s.tensor(s.shape_of(x), domain=target or SMALL)
        options = {key: s.rng.choice(values) for key, values in (choices or {}).items()}
        return Call(name, (x, t), some(s, reduction(s, *more), **options))

    operation(LOSSES, sample, name=name)(function)


def plain(function):
    def reference(prediction, target, reduction="mean", **options):
        return function(prediction, target, reduction=reduction, **options)
    return reference


def reduced(losses, reduction):
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def assert_close(ours, theirs):
    """That a formula is PyTorch's."""
    assert torch.isclose(ours, theirs, 1e-4, 1e-5, equal_nan=True).all(), (ours, theirs)


enter_pair("mse_loss", plain(F.mse_loss))
enter_pair("l1_loss", plain(F.l1_loss))
def by_huber(function, key, scale):
    """PyTorch's value, by a formula whose second derivative is right where both are equal, too."""
    def reference(prediction, target, reduction="mean", **options):
        limit = options.get(key, 1.0)
        d = prediction - target
        losses = torch.where(d.abs() <= limit, d * d / 2, limit * (d.abs() - limit / 2)) / (limit if scale else 1)
        result = reduced(losses, reduction)
        with torch.no_grad():
            assert_close(result, function(prediction, target, reduction=reduction, **options))
        return result
    return reference


enter_pair("huber_loss", by_huber(F.huber_loss, "delta", False), choices={"delta": (0.3125, 0.8125, 1.3125)})
enter_pair("smooth_l1_loss", by_huber(F.smooth_l1_loss, "beta", True), choices={"beta": (0.3125, 0.8125, 1.3125)})
enter_pair("bce_loss", plain(F.binary_cross_entropy), PROBABILITY, PROBABILITY)


def hinge_loss(prediction, target, reduction="mean", margin=1.0):
    return reduced(torch.relu(margin - prediction * target), reduction)


enter_pair("hinge_loss", hinge_loss, choices={"margin": (0.5625, 1.0625)})


def kl_div_loss(prediction, target, reduction="mean", log_target=0):
    # PyTorch divides by the first dimension of a tensor that has one.
    if reduction == "batchmean" and prediction.dim() == 0:
        reduction = "sum"
    return F.kl_div(prediction, target, reduction=reduction, log_target=bool(log_target))


enter_pair("kl_div_loss", kl_div_loss, PROBABILITY, choices={"log_target": (0, 1)}, more=("batchmean",))


def signs(s, shape):
    """1 and -1, by a call."""
    return s.call(Call("sign", (s.tensor(shape, domain=Domain(-1, 1, hole=0.5)),)), shape, s.dtype)


def sample_hinge_embedding(s):
    x = s.tensor(least=1, domain=SMALL)
    return Call("hinge_embedding_loss", (x, signs(s, s.shape_of(x))),
                some(s, reduction(s), margin=s.rng.choice((0.5625, 1.0625))))


@operation(LOSSES, sample_hinge_embedding)
def hinge_embedding_loss(x, target, reduction="mean", margin=1.0):
    return F.hinge_embedding_loss(x, target.detach(), margin=margin, reduction=reduction)


def sample_bce_with_logits(s):
    x = s.tensor(least=1)
    shape = s.shape_of(x)
    weight = s.tensor(s.reduced(shape), domain=Domain(0.25, 3)) if s.chance(0.5) else NONE
    return Call("bce_with_logits_loss", (x, s.tensor(shape, domain=PROBABILITY), weight), some(s, reduction(s)))


@operation(LOSSES, sample_bce_with_logits)
def bce_with_logits_loss(logits, target, pos_weight, reduction="mean"):
    # PyTorch has no gradient to the weights: the formula stands for it.
    weight = tensor_or_none(pos_weight)
    factor = 1 if weight is None else 1 + (weight - 1) * target
    result = reduced((1 - target) * logits - factor * F.logsigmoid(logits), reduction)
    with torch.no_grad():
        assert_close(result, F.binary_cross_entropy_with_logits(logits, target, pos_weight=weight, reduction=reduction))
    return result


def logits_of(s):
    """Logits [classes], [n, classes] or more, the classes, and the shape of labels."""
    classes = s.rng.choice((1, 2, 3, 5))
    shape = s.rng.choice(((classes,), (3, classes), (BATCH, classes), (2 * BATCH, classes), (2, classes, 3),
                          (BATCH, classes, 2, 2)))
    return s.tensor(shape, domain=Domain(-3, 3)), classes, shape[:0] if len(shape) == 1 else shape[:1] + shape[2:]


def class_weight(s, classes):
    return s.tensor((classes,), domain=Domain(0.25, 3)) if s.chance(0.5) else NONE


def sample_by_label(name, smooths):
    def sample(s):
        x, classes, places = logits_of(s)
        options = some(s, reduction(s))
        if s.chance(0.3) and classes > 1:
            options["ignore_index"] = classes - 1
        if smooths and s.chance(0.4):
            options["label_smoothing"] = s.rng.choice((0.125, 0.5, 1.0))
        target = s.index(places, classes)
        if smooths and s.chance(0.3):
            target = s.tensor(s.shape_of(x), domain=PROBABILITY)
            options.pop("ignore_index", None)
        return Call(name, (x, target, class_weight(s, classes)), options)
    return sample


def as_labels(target):
    return target if target.is_floating_point() else target.to(torch.int64)


@operation(LOSSES, sample_by_label("cross_entropy_loss", True))
def cross_entropy_loss(logits, target, weight, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    # PyTorch has no gradient to weights, nor second derivatives of some kernels: the formula stands for it.
    return by_formula(torch.log_softmax(logits, 1 if logits.dim() > 1 else 0), logits, as_labels(target),
                      tensor_or_none(weight), reduction, ignore_index, label_smoothing, F.cross_entropy)


@operation(LOSSES, sample_by_label("nll_loss", False))
def nll_loss(log_probabilities, target, weight, reduction="mean", ignore_index=-100):
    return by_formula(log_probabilities, log_probabilities, as_labels(target), tensor_or_none(weight), reduction,
                      ignore_index, 0.0, F.nll_loss)


def by_formula(log_p, x, target, weight, reduction, ignored, smoothing, function):
    """The loss by differentiable steps, whose value has to be that of PyTorch's own function."""
    axis = 1 if log_p.dim() > 1 else 0
    classes = log_p.shape[axis]
    view = [-1] + [1] * (log_p.dim() - axis - 1)
    weights = torch.ones(classes, dtype=log_p.dtype) if weight is None else weight
    if target.is_floating_point():
        p = target * (1 - smoothing) + smoothing / classes
        losses = -(p * log_p * weights.reshape(view)).sum(axis)
        result = reduced(losses, reduction)
    else:
        index = torch.where(target != ignored, target, torch.zeros_like(target))
        counts = (target != ignored).to(log_p.dtype)
        w = weights[index] * counts
        losses = -(1 - smoothing) * w * log_p.gather(axis, index.unsqueeze(axis)).squeeze(axis)
        losses = losses - smoothing / classes * counts * (log_p * weights.reshape(view)).sum(axis)
        result = losses if reduction == "none" else losses.sum() / (w.sum() if reduction == "mean" else 1)
    options = {} if function is F.nll_loss else {"label_smoothing": smoothing}
    with torch.no_grad():
        theirs = function(x, target, weight, ignore_index=ignored, reduction=reduction, **options)
        assert_close(result, theirs)
    return result


def vectors(s):
    return s.rng.choice(((4,), (3, 2), (BATCH, 3), (2 * BATCH, 5)))


def sample_cosine_embedding(s):
    shape = vectors(s)
    a, b = (s.tensor(shape, domain=Domain(-2, 2, hole=0.25)) for _ in range(2))
    return Call("cosine_embedding_loss", (a, b, signs(s, shape[:-1])),
                some(s, reduction(s), margin=s.rng.choice((-0.4375, 0.1875))))


@operation(LOSSES, sample_cosine_embedding)
def cosine_embedding_loss(a, b, target, reduction="mean", margin=0.0):
    return F.cosine_embedding_loss(a, b, target.detach(), margin=margin, reduction=reduction)


def sample_triplet_margin(s):
    shape = vectors(s)
    return Call("triplet_margin_loss", tuple(s.tensor(shape, domain=domain) for domain in (
        Domain(-1, 1), Domain(1.5, 3), Domain(-3, -1.5))), some(
            s, reduction(s), margin=s.rng.choice((0.5, 1.0, 4.0)), p=s.rng.choice((1.0, 2.0, 3.0)), swap=s.rng.randint(0, 1)))


@operation(LOSSES, sample_triplet_margin)
def triplet_margin_loss(anchor, positive, negative, reduction="mean", margin=1.0, p=2.0, swap=0):
    def distance(a, b):
        return (a - b + 1e-6).abs().pow(p).sum(-1).pow(1 / p)

    far = distance(anchor, negative)
    if swap:
        far = torch.minimum(far, distance(positive, negative))
    result = reduced(torch.relu(distance(anchor, positive) - far + margin), reduction)
    with torch.no_grad():
        theirs = F.triplet_margin_loss(anchor, positive, negative, margin, p, 1e-6, bool(swap), reduction=reduction)
        assert_close(result, theirs)
    return result
