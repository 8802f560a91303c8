"""Losses, with every option and reduction."""
import torch
import torch.nn.functional as F

from nadir import NONE
from program import Call, symbolic_axis
from sources import NONZERO, POSITIVE, REAL, Domain
from table import operation

LOSSES = "losses"

INSIDE = Domain(0.0625, 0.9375)
PROBABILITIES = Domain(0.0, 1.0)
# Of vectors whose lengths, by which they are divided, are not about 0.
LONG = Domain(-3.0, 3.0, hole=0.375)


# Numbers beside those where there are ties: kinks are there.
BETWEEN = (0.3, 1.3, 2.7)


def reduction_of(s, *others):
    return s.options(reduction=s.rng.choice(("mean", "sum", "none", *others)))


def reduced(losses, reduction):
    return losses if reduction == "none" else losses.mean() if reduction == "mean" else losses.sum()


def also_by(function, constant, formula):
    """`function` of a tensor by which PyTorch does not differentiate it: derivatives by that tensor are the formula's."""
    return function(constant.detach()) + formula(constant) - formula(constant.detach())


def signs(s, shape):
    """A value of 1 and -1 that no training changes."""
    return s.call(Call("sign", (s.tensor(shape, domain=NONZERO),)), shape, s.dtype)


# --------------------------------------------------------------------------------------------------------------- pairs


def sample_pair(name, first=REAL, second=REAL, others=(), **options):
    """A sampler of losses of two values of one shape, the second of 1 and -1 if it has no domain. `options`: the values
    of each to choose from."""
    def sample(s):
        x = s.tensor(least=1, domain=first)
        shape = s.shape_of(x)
        pair = (x, signs(s, shape) if second is None else s.tensor(shape, domain=second))
        return Call(name, pair, {**reduction_of(s, *others),
                                 **{key: s.rng.choice(values) for key, values in options.items()}})
    return sample


@operation(LOSSES, sample_pair("mse_loss"))
def mse_loss(prediction, target, reduction="mean"):
    return F.mse_loss(prediction, target, reduction=reduction)


@operation(LOSSES, sample_pair("l1_loss"), margin=lambda x, t, reduction="mean": abs(x - t))
def l1_loss(prediction, target, reduction="mean"):
    return F.l1_loss(prediction, target, reduction=reduction)


@operation(LOSSES, sample_pair("huber_loss", delta=BETWEEN))
def huber_loss(prediction, target, reduction="mean", delta=1.0):
    return F.huber_loss(prediction, target, reduction=reduction, delta=delta)


def away_from_0(x, t, reduction="mean", beta=1.0):
    return abs(x - t) if beta == 0 else torch.ones(())


@operation(LOSSES, sample_pair("smooth_l1_loss", beta=(0, *BETWEEN)), margin=away_from_0)
def smooth_l1_loss(prediction, target, reduction="mean", beta=1.0):
    # PyTorch's has another slope for a beta of 0 where both are equal.
    if beta == 0:
        return F.l1_loss(prediction, target, reduction=reduction)
    return F.smooth_l1_loss(prediction, target, reduction=reduction, beta=beta)


@operation(LOSSES, sample_pair("hinge_loss", second=None, margin=BETWEEN),
           margin=lambda x, t, reduction="mean", margin=1.0: abs(margin - x * t))
def hinge_loss(prediction, target, reduction="mean", margin=1.0):
    return reduced((margin - prediction * target).clamp_min(0), reduction)


@operation(LOSSES, sample_pair("hinge_embedding_loss", second=None, margin=(0, 1, *BETWEEN)),
           margin=lambda x, t, reduction="mean", margin=1.0: abs(margin - x))
def hinge_embedding_loss(x, target, reduction="mean", margin=1.0):
    return F.hinge_embedding_loss(x, target, margin, reduction=reduction)


def sample_kl_div_loss(s):
    is_log = s.rng.randint(0, 1)
    call = sample_pair("kl_div_loss", second=Domain(-3.0, 0.0) if is_log else INSIDE, others=("batchmean",))(s)
    if is_log:
        call.options["log_target"] = 1
    if call.options.get("reduction") == "batchmean" and not s.shape_of(call.arguments[0]):
        call.options["reduction"] = "sum"
    return call


@operation(LOSSES, sample_kl_div_loss)
def kl_div_loss(prediction, target, reduction="mean", log_target=0):
    return F.kl_div(prediction, target, reduction=reduction, log_target=bool(log_target))


@operation(LOSSES, sample_pair("bce_loss", first=INSIDE, second=PROBABILITIES))
def bce_loss(prediction, target, reduction="mean"):
    # PyTorch's derivatives are off by its limit of what it divides by, 1e-12.
    def formula(p, t):
        return reduced(-(t * p.log() + (1 - t) * (1 - p).log()), reduction)

    loss = F.binary_cross_entropy(prediction.detach(), target.detach(), reduction=reduction)
    return loss + formula(prediction, target) - formula(prediction.detach(), target.detach())


def sample_bce_with_logits_loss(s):
    call = sample_pair("bce_with_logits_loss", first=Domain(-4.0, 4.0, special=(-200.0, 200.0)), second=PROBABILITIES)(s)
    x, target = call.arguments
    weight = s.tensor(s.reduced(s.shape_of(x)), domain=POSITIVE) if s.chance(0.5) else NONE
    return Call("bce_with_logits_loss", (x, target, weight), call.options)


@operation(LOSSES, sample_bce_with_logits_loss)
def bce_with_logits_loss(logits, target, pos_weight, reduction="mean"):
    def loss(weight):
        return F.binary_cross_entropy_with_logits(logits, target, reduction=reduction, pos_weight=weight)

    return loss(None) if isinstance(pos_weight, int) else also_by(
        loss, pos_weight, lambda weight: reduced(-weight * target * F.logsigmoid(logits), reduction))


# ------------------------------------------------------------------------------------------------------------- classes


def class_axis(shape):
    return 1 if len(shape) > 1 else 0


def sample_classes(s):
    """Scores, the shape of labels for them, and how many classes there are."""
    x = s.tensor(ranks=(1, s.ranks[1]), least=1,
                 accept=lambda shape: symbolic_axis(shape) is None or symbolic_axis(shape) != class_axis(shape))
    shape = s.shape_of(x)
    axis = class_axis(shape)
    return x, shape[:axis] + shape[axis + 1:], shape[axis]


def sample_weight(s, classes):
    return s.tensor((classes,), domain=POSITIVE) if s.chance(0.5) else NONE


def sample_by_label(name, smoothing=()):
    def sample(s):
        x, shape, classes = sample_classes(s)
        chosen = reduction_of(s)
        if smoothing and s.chance(0.5):
            chosen["label_smoothing"] = s.rng.choice(smoothing)
        # The mean of nothing is NaN.
        if chosen.get("reduction", "mean") != "mean" and s.chance(0.5):
            chosen["ignore_index"] = s.rng.randrange(classes)
        # Of these, labels are all but one.
        if "ignore_index" not in chosen and s.chance(0.3):
            chosen["ignore_index"] = s.rng.choice((-1, classes))
        return Call(name, (x, s.index(shape, classes), sample_weight(s, classes)), chosen)
    return sample


def by_class(loss, log_p, target, weight, reduction, ignore_index, label_smoothing=0.0):
    """A loss of PyTorch's by labels, which it does not differentiate by the weights of the classes."""
    target = target.to(torch.int64)
    if isinstance(weight, int):
        return loss(None)
    axis = class_axis(log_p.shape)
    counts = target != ignore_index
    index = torch.where(counts, target, 0)

    def formula(weight):
        weights = torch.where(counts, weight[index], 0)
        picked = -log_p.gather(axis, index.unsqueeze(axis)).squeeze(axis) * weights
        by_axis = weight.reshape([-1] + [1] * (log_p.dim() - axis - 1))
        spread = torch.where(counts, -(log_p * by_axis).sum(axis), 0)
        losses = (1 - label_smoothing) * picked + label_smoothing / len(weight) * spread
        return losses.sum() / weights.sum() if reduction == "mean" else reduced(losses, reduction)

    return also_by(loss, weight, formula)


@operation(LOSSES, sample_by_label("nll_loss"))
def nll_loss(x, target, weight, reduction="mean", ignore_index=-100):
    return by_class(lambda w: F.nll_loss(x.contiguous(), target.to(torch.int64), w, ignore_index=ignore_index,
                                         reduction=reduction),
                    x, target, weight, reduction, ignore_index)


SMOOTHING = (0, 0.125, 0.5, 1)


def sample_cross_entropy_loss(s):
    if s.chance(0.6):
        return sample_by_label("cross_entropy_loss", SMOOTHING)(s)
    x, _, classes = sample_classes(s)
    target = s.tensor(s.shape_of(x), domain=PROBABILITIES)
    options = {**reduction_of(s), **s.options(label_smoothing=s.rng.choice(SMOOTHING))}
    return Call("cross_entropy_loss", (x, target, sample_weight(s, classes)), options)


@operation(LOSSES, sample_cross_entropy_loss)
def cross_entropy_loss(x, target, weight, reduction="mean", ignore_index=-100, label_smoothing=0.0):
    if target.is_floating_point():
        return F.cross_entropy(x, target, None if isinstance(weight, int) else weight, reduction=reduction,
                               label_smoothing=label_smoothing)
    return by_class(lambda w: F.cross_entropy(x, target.to(torch.int64), w, ignore_index=ignore_index,
                                              reduction=reduction, label_smoothing=label_smoothing),
                    torch.log_softmax(x, class_axis(x.shape)), target, weight, reduction, ignore_index, label_smoothing)


# ------------------------------------------------------------------------------------------------------------- vectors


def sample_vectors(s, *domains):
    first = s.tensor(ranks=(1, s.ranks[1]), least=1, domain=domains[0],
                     accept=lambda shape: symbolic_axis(shape) != len(shape) - 1)
    return [first] + [s.tensor(s.shape_of(first), domain=domain) for domain in domains[1:]]


def sample_cosine_embedding_loss(s):
    a, b = sample_vectors(s, LONG, LONG)
    target = signs(s, s.shape_of(a)[:-1])
    return Call("cosine_embedding_loss", (a, b, target), {**reduction_of(s), **s.options(margin=s.rng.choice((-0.3, 0.3)))})


def away_from_margin(a, b, target, reduction="mean", margin=0.0):
    return abs(F.cosine_similarity(a, b, -1) - margin)


@operation(LOSSES, sample_cosine_embedding_loss, margin=away_from_margin)
def cosine_embedding_loss(a, b, target, reduction="mean", margin=0.0):
    # PyTorch's takes one or two dimensions.
    losses = F.cosine_embedding_loss(a.reshape(-1, a.shape[-1]), b.reshape(-1, b.shape[-1]), target.reshape(-1), margin,
                                     reduction=reduction)
    return losses.reshape(a.shape[:-1]) if reduction == "none" else losses


# Of vectors that are not alike, where the distance has no derivative, or one that is large.
APART = (Domain(-1.0, 1.0), Domain(1.5, 3.0), Domain(-3.0, -1.5))


def sample_triplet_margin_loss(s):
    options = s.options(margin=s.rng.choice((0, 0.3, 2.7)), p=s.rng.choice((1, 2, 3, 2.5)), eps=s.rng.choice((1e-6, 0.01)),
                        swap=s.rng.randint(0, 1))
    return Call("triplet_margin_loss", tuple(sample_vectors(s, *APART)), {**reduction_of(s), **options})


def away_from_edges(anchor, positive, negative, reduction="mean", margin=1.0, p=2.0, eps=1e-6, swap=0):
    near, far = F.pairwise_distance(anchor, positive, p, eps), F.pairwise_distance(anchor, negative, p, eps)
    other = F.pairwise_distance(positive, negative, p, eps)
    edges = [abs(near - far + margin), near / 50, far / 50]
    if swap:
        edges += [abs(far - other), abs(near - other + margin), other / 50]
    if p < 2:
        edges += [abs(x - y + eps).amin(-1) for x, y in ((anchor, positive), (anchor, negative), (positive, negative))]
    return torch.stack(edges)


@operation(LOSSES, sample_triplet_margin_loss, margin=away_from_edges)
def triplet_margin_loss(anchor, positive, negative, reduction="mean", margin=1.0, p=2.0, eps=1e-6, swap=0):
    return F.triplet_margin_loss(anchor, positive, negative, margin, p, eps, bool(swap), reduction=reduction)
