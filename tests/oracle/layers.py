"""Layers, which make parameters, and attention.

The arguments of a call are those of the C function, and behind them the parameters that the layer makes, in their order.
"""
import math

import torch
import torch.nn.functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from nadir import NONE, Dtype, is_symbolic
from program import Call, symbolic_axis
from sources import Domain
from table import operation

LAYERS = "layers"

# Of products of products, so that gates and softmax are not at their ends, where all gradients are roundings.
SMALL = Domain(-1.0, 1.0)


def tensor_or_none(argument):
    return None if isinstance(argument, int) else argument


def layer_name(s, x):
    return f"layer{int(x)}_{s.rng.getrandbits(32):08x}"


def is_constant(shape):
    return symbolic_axis(shape) is None and 0 not in shape


# -------------------------------------------------------------------------------------------------------------- linear


def sample_linear_add(s):
    x = s.tensor(ranks=(1, s.ranks[1]), accept=lambda shape: is_constant(shape[-1:]))
    out_features = s.rng.choice((1, 2, 3, 4, 17))
    options = s.options(bias=s.rng.randint(0, 1))
    name = layer_name(s, x)
    made = [s.layer(name + ".weight", (out_features, s.shape_of(x)[-1]))]
    if options.get("bias", 1):
        made.append(s.layer(name + ".bias", (out_features,)))
    return Call("linear_add", (name, x, out_features, *made), options)


@operation(LAYERS, sample_linear_add, given=3)
def linear_add(name, x, out_features, weight, made_bias=None, bias=1):
    return F.linear(x, weight, made_bias)


# ------------------------------------------------------------------------------------------------------- normalisation


def some_eps(s):
    return s.rng.choice((1e-5, 1e-3, 0.25))


def sample_over_last(name, has_bias):
    def sample(s):
        dims = s.rng.choice((1, 1, 2))
        x = s.tensor(ranks=(dims, s.ranks[1]), accept=lambda shape: is_constant(shape[-dims:]))
        shape = s.shape_of(x)[-dims:]
        options = s.options(elementwise_affine=s.rng.randint(0, 1), **({"bias": s.rng.randint(0, 1)} if has_bias else {}))
        options["eps"] = some_eps(s)
        layer = layer_name(s, x)
        made = []
        if options.get("elementwise_affine", 1):
            made.append(s.layer(layer + ".weight", shape))
            if has_bias and options.get("bias", 1):
                made.append(s.layer(layer + ".bias", shape))
        return Call(name, (layer, x, dims, *made), options)
    return sample


@operation(LAYERS, sample_over_last("layer_norm_add", True), given=3)
def layer_norm_add(name, x, dims, weight=None, made_bias=None, elementwise_affine=1, bias=1, eps=1e-5):
    return F.layer_norm(x, x.shape[-dims:], weight, made_bias, eps)


@operation(LAYERS, sample_over_last("rms_norm_add", False), given=3)
def rms_norm_add(name, x, dims, weight=None, elementwise_affine=1, eps=None):
    axes = list(range(-dims, 0))
    y = x / torch.sqrt(x.square().mean(axes, True) + eps)
    return y if weight is None else y * weight


def channels_made(s, x, options, default):
    layer = layer_name(s, x)
    made = []
    if options.get("affine", default):
        made = [s.layer(f"{layer}.{part}", s.shape_of(x)[1:2]) for part in ("weight", "bias")]
    return layer, made


def sample_group_norm_add(s):
    x = s.tensor(ranks=(2, s.ranks[1]), accept=lambda shape: is_constant(shape[1:]))
    channels = s.shape_of(x)[1]
    groups = s.rng.choice([one for one in range(1, channels + 1) if channels % one == 0])
    options = s.options(affine=s.rng.randint(0, 1), eps=some_eps(s))
    layer, made = channels_made(s, x, options, 1)
    return Call("group_norm_add", (layer, x, groups, *made), options)


@operation(LAYERS, sample_group_norm_add, given=3)
def group_norm_add(name, x, groups, weight=None, bias=None, affine=1, eps=1e-5):
    # PyTorch refuses a group of one element.
    count = math.prod(x.shape[1:]) // groups
    # The value less its mean, which PyTorch rounds to next to nothing rather than to 0.
    y = x - x if count == 1 else F.layer_norm(x.reshape(len(x), groups, count), [count], eps=eps)
    if x[0:1].numel() > groups and x.numel():
        return F.group_norm(x, groups, weight, bias, eps)
    y = y.reshape(x.shape)
    by_channel = [-1] + [1] * (x.dim() - 2)
    return y if weight is None else y * weight.reshape(by_channel) + bias.reshape(by_channel)


def sample_batch_norm_add(s):
    x = s.tensor(ranks=(2, s.ranks[1]), least=1, accept=lambda shape: is_constant(shape[1:]))
    # Without running statistics those of the batch are used; with them, here, where nothing trains, what they are at first.
    options = s.options(affine=s.rng.randint(0, 1), eps=some_eps(s), track_running_stats=s.rng.randint(0, 1))
    if s.trains:
        options["track_running_stats"] = 0
    layer, made = channels_made(s, x, options, 1)
    return Call("batch_norm_add", (layer, x, *made), options)


@operation(LAYERS, sample_batch_norm_add, given=2)
def batch_norm_add(name, x, weight=None, bias=None, affine=1, eps=1e-5, track_running_stats=1):
    channels = x.shape[1]
    if track_running_stats:
        return F.batch_norm(x, torch.zeros(channels, dtype=x.dtype), torch.ones(channels, dtype=x.dtype), weight, bias, False,
                            0.1, eps)
    # PyTorch refuses a single value a channel.
    if x.numel() > channels:
        return F.batch_norm(x, None, None, weight, bias, True, 0.1, eps)
    return torch.zeros_like(x) + (x - x) + (0 if bias is None else bias.reshape([-1] + [1] * (x.dim() - 2)))


def sample_instance_norm_add(s):
    x = s.tensor(ranks=(3, s.ranks[1]), accept=lambda shape: is_constant(shape[1:]))
    options = s.options(affine=s.rng.randint(0, 1), eps=some_eps(s))
    layer, made = channels_made(s, x, options, 0)
    return Call("instance_norm_add", (layer, x, *made), options)


@operation(LAYERS, sample_instance_norm_add, given=2)
def instance_norm_add(name, x, weight=None, bias=None, affine=0, eps=1e-5):
    if x.numel() and math.prod(x.shape[2:]) > 1:
        return F.instance_norm(x, None, None, weight, bias, True, 0.1, eps)
    return group_norm_add(name, x, x.shape[1], weight, bias, affine, eps)


# ---------------------------------------------------------------------------------------------------------- embeddings


def sample_embedding_add(s):
    rows, columns = s.rng.choice((1, 2, 5)), s.rng.choice((1, 3, 4))
    shape = tuple(s.length(1) for _ in range(s.rng.randint(0, 2)))
    index = s.index(shape, rows)
    options = s.options(padding_idx=s.rng.randint(-rows, rows - 1))
    if s.dtype == Dtype.F64:
        options["dtype"] = "f64"
    name = layer_name(s, index)
    return Call("embedding_add", (name, index, rows, columns, s.layer(name + ".weight", (rows, columns))), options)


@operation(LAYERS, sample_embedding_add, given=4)
def embedding_add(name, index, rows, columns, weight, padding_idx=None, dtype=None):
    return F.embedding(index, weight, padding_idx)


# ---------------------------------------------------------------------------------------------------------- recurrence

GATES = {"rnn_add": 1, "gru_add": 3, "lstm_add": 4}


def sample_recurrent(name):
    def sample(s):
        has_batch = s.chance(0.8)
        ranks = (3, 3) if has_batch else (2, 2)
        options = s.options(batch_first=s.rng.randint(0, 1), bidirectional=s.rng.randint(0, 1),
                            num_layers=s.rng.randint(1, 2), bias=s.rng.randint(0, 1))
        if name == "rnn_add":
            options.update(s.options(nonlinearity=s.rng.choice(("tanh", "relu"))))
        time = 1 if has_batch and options.get("batch_first", 0) else 0
        x = s.tensor(ranks=ranks, least=1,
                     accept=lambda shape: is_constant((shape[time], shape[-1])) and shape[time] <= 5 and shape[-1] <= 5)
        shape = s.shape_of(x)
        hidden = s.rng.choice((1, 2, 3))
        layers, directions = options.get("num_layers", 1), 1 + options.get("bidirectional", 0)
        batch = (shape[1 - time],) if has_batch else ()
        states = [s.tensor((layers * directions, *batch, hidden)) if s.chance(0.5) else NONE
                  for _ in range(2 if name == "lstm_add" else 1)]
        mask = sample_lengths(s, shape[time], batch, time) if s.chance(0.5) else NONE
        layer = layer_name(s, x)
        made = []
        for number in range(layers):
            features = shape[-1] if number == 0 else directions * hidden
            for direction in ("", "_reverse")[:directions]:
                rows = GATES[name] * hidden
                made.append(s.layer(f"{layer}.weight_ih_l{number}{direction}", (rows, features), SMALL))
                made.append(s.layer(f"{layer}.weight_hh_l{number}{direction}", (rows, hidden), SMALL))
                if options.get("bias", 1):
                    made += [s.layer(f"{layer}.bias_{which}_l{number}{direction}", (rows,), SMALL) for which in ("ih", "hh")]
        return Call(name, (layer, x, *states, mask, hidden, *made), options,
                    piece=s.rng.randrange(3 if name == "lstm_add" else 2))
    return sample


def sample_lengths(s, length, batch, time):
    """A mask that is true for the first elements along the time, one at least."""
    one_hot = s.call(Call("one_hot", (s.index(batch, length), length, Dtype.F32)), (*batch, length), Dtype.F32)
    before = s.call(Call("cumsum", (one_hot, len(batch)), {"reverse": 1}), (*batch, length), Dtype.F32)
    mask = s.call(Call("cast", (before, Dtype.U8)), (*batch, length), Dtype.U8)
    if time == 0 and batch:
        mask = s.call(Call("transpose", (mask, 0, 1)), (length, *batch), Dtype.U8)
    return mask


def run_recurrent(run, x, states, mask, hidden, made, bias, batch_first, bidirectional, num_layers):
    """y and the final states. `run` is one of torch._VF's."""
    if x.dim() == 2:
        x = x.unsqueeze(0 if batch_first else 1)
        states = [None if one is None else one.unsqueeze(1) for one in states]
        mask = None if mask is None else mask.unsqueeze(0 if batch_first else 1)
        *results, = run_recurrent(run, x, states, mask, hidden, made, bias, batch_first, bidirectional, num_layers)
        return [results[0].squeeze(0 if batch_first else 1), *(one.squeeze(1) for one in results[1:])]
    if batch_first:
        x, mask = x.transpose(0, 1), None if mask is None else mask.transpose(0, 1)
    zeros = x.new_zeros(num_layers * (1 + bidirectional), x.shape[1], hidden)
    states = [zeros if one is None else one for one in states]
    rest = (list(made), bool(bias), num_layers, 0.0, False, bool(bidirectional))
    if mask is None:
        y, *finals = run(x, tuple(states) if len(states) > 1 else states[0], *rest, False)
    else:
        packed = pack_padded_sequence(x, (mask != 0).sum(0), enforce_sorted=False)
        order, back = packed.sorted_indices, packed.unsorted_indices
        states = [one.index_select(1, order) for one in states]
        data, *finals = run(packed.data, packed.batch_sizes, tuple(states) if len(states) > 1 else states[0], *rest)
        y, _ = pad_packed_sequence(packed._replace(data=data), total_length=len(x))
        finals = [one.index_select(1, back) for one in finals]
    return [y.transpose(0, 1) if batch_first else y, *finals]


@operation(LAYERS, sample_recurrent("rnn_add"), given=5)
def rnn_add(name, x, h0, mask, hidden, *made, nonlinearity="tanh", bias=1, batch_first=0, bidirectional=0, num_layers=1):
    run = torch._VF.rnn_relu if nonlinearity == "relu" else torch._VF.rnn_tanh
    return run_recurrent(run, x, [tensor_or_none(h0)], tensor_or_none(mask), hidden, made, bias, batch_first,
                         bidirectional, num_layers)


@operation(LAYERS, sample_recurrent("gru_add"), given=5)
def gru_add(name, x, h0, mask, hidden, *made, bias=1, batch_first=0, bidirectional=0, num_layers=1):
    return run_recurrent(torch._VF.gru, x, [tensor_or_none(h0)], tensor_or_none(mask), hidden, made, bias, batch_first,
                         bidirectional, num_layers)


@operation(LAYERS, sample_recurrent("lstm_add"), given=6)
def lstm_add(name, x, h0, c0, mask, hidden, *made, bias=1, batch_first=0, bidirectional=0, num_layers=1):
    return run_recurrent(torch._VF.lstm, x, [tensor_or_none(h0), tensor_or_none(c0)], tensor_or_none(mask), hidden,
                         made, bias, batch_first, bidirectional, num_layers)


# ----------------------------------------------------------------------------------------------------------- attention


def mask_with_first_key(s, shape, value):
    """A mask that is `value` for key 0, so that it leaves a key to every query."""
    mask = s.mask(shape)
    truth = s.call(Call("full", (Dtype.U8, [], value)), (), Dtype.U8)
    return s.call(Call("slice_set", (mask, -1, 0, 1, 1, truth)), tuple(shape), Dtype.U8)


def sample_scaled_dot_product_attention(s):
    query = s.tensor(ranks=(2, s.ranks[1]), least=1, accept=lambda shape: is_constant(shape[-2:]) and max(shape[-2:]) < 9)
    *leading, length, size = s.shape_of(query)
    keys, values = s.rng.choice((1, 2, 3, 5)), s.rng.choice((1, 2, 4))
    key = s.tensor((*s.reduced(tuple(leading)), keys, size))
    value = s.tensor((*s.reduced(tuple(leading)), keys, values))
    options = s.options(is_causal=s.rng.randint(0, 1), scale=s.rng.choice((0.25, 1)))
    mask = NONE
    if s.chance(0.6):
        shape = (*s.reduced((*leading, length)), keys)
        mask = mask_with_first_key(s, shape, 1) if s.chance(0.6) else s.tensor(shape)
    return Call("scaled_dot_product_attention", (query, key, value, mask), options)


def masked(scores, mask):
    """The scores with a mask of either kind; PyTorch's own function came after 1.13."""
    return scores.masked_fill(mask == 0, -math.inf) if mask.dtype == torch.uint8 else scores + mask


@operation(LAYERS, sample_scaled_dot_product_attention)
def scaled_dot_product_attention(query, key, value, mask, is_causal=0, scale=None):
    scores = query @ key.mT * (query.shape[-1] ** -0.5 if scale is None else scale)
    if not isinstance(mask, int):
        scores = masked(scores, mask)
    if is_causal:
        scores = masked(scores, torch.ones(scores.shape[-2:], dtype=torch.uint8).tril())
    return torch.softmax(scores, -1) @ value


def sample_multi_head_attention_add(s):
    has_batch = s.chance(0.8)
    options = s.options(batch_first=s.rng.randint(0, 1), bias=s.rng.randint(0, 1), is_causal=s.rng.randint(0, 1),
                        average_attn_weights=s.rng.randint(0, 1))
    time = 1 if has_batch and options.get("batch_first", 0) else 0
    query = s.tensor(domain=SMALL, ranks=(3, 3) if has_batch else (2, 2), least=1,
                     accept=lambda shape: is_constant((shape[time], shape[-1])) and max(shape[time], shape[-1]) < 9)
    shape = s.shape_of(query)
    length, size = shape[time], shape[-1]
    heads = s.rng.choice([one for one in range(1, size + 1) if size % one == 0])
    keys = s.rng.choice((1, 2, 3))
    batch = (shape[1 - time],) if has_batch else ()
    key_size, value_size = (size, size) if s.chance(0.5) else (s.rng.choice((1, 2, 3)), s.rng.choice((1, 2, 3)))

    def partner(features):
        lengths = [*batch, features]
        lengths.insert(time, keys)
        return s.tensor(tuple(lengths), domain=SMALL)

    key, value = partner(key_size), partner(value_size)
    padding = mask_with_first_key(s, (*batch, keys), 0) if s.chance(0.4) else NONE
    mask = NONE
    if s.chance(0.5):
        per_head = s.chance(0.5)
        wanted = ((batch[0] if batch else 1) * heads,) * per_head + (length, keys)
        mask = mask_with_first_key(s, wanted, 0) if s.chance(0.6) else s.tensor(wanted)
    name = layer_name(s, query)
    if key_size == size and value_size == size:
        made = [s.layer(name + ".in_proj_weight", (3 * size, size), SMALL)]
    else:
        made = [s.layer(f"{name}.{part}_proj_weight", (size, features), SMALL)
                for part, features in (("q", size), ("k", key_size), ("v", value_size))]
    made.append(s.layer(name + ".out_proj.weight", (size, size), SMALL))
    if options.get("bias", 1):
        made += [s.layer(name + ".in_proj_bias", (3 * size,), SMALL), s.layer(name + ".out_proj.bias", (size,), SMALL)]
    return Call("multi_head_attention_add", (name, query, key, value, padding, mask, heads, *made), options,
                piece=s.rng.randrange(2))


@operation(LAYERS, sample_multi_head_attention_add, given=7)
def multi_head_attention_add(name, query, key, value, padding, mask, heads, *made, batch_first=0, bias=1, is_causal=0,
                             average_attn_weights=1):
    has_batch = query.dim() == 3
    if batch_first and has_batch:
        query, key, value = (one.transpose(0, 1) for one in (query, key, value))
    made, in_bias, out_bias = (made[:-2], *made[-2:]) if bias else (made, None, None)
    *projections, out_weight = made
    padding, mask = tensor_or_none(padding), tensor_or_none(mask)
    if mask is not None and mask.dtype == torch.uint8:
        mask = mask != 0
    if is_causal:
        causal = ~torch.ones(len(query), len(key), dtype=torch.bool).tril()
        if mask is None:
            mask = causal
        else:
            mask = mask | causal if mask.dtype == torch.bool else mask.masked_fill(causal, -math.inf)
    separate = len(projections) == 3
    q, k, v = projections if separate else (None,) * 3
    y, weights = F.multi_head_attention_forward(
        query, key, value, query.shape[-1], heads, None if separate else projections[0], in_bias, None, None, False, 0.0,
        out_weight, out_bias, training=False, key_padding_mask=None if padding is None else padding != 0,
        need_weights=True, attn_mask=mask, use_separate_proj_weight=separate, q_proj_weight=q, k_proj_weight=k,
        v_proj_weight=v, average_attn_weights=bool(average_attn_weights))
    return [y.transpose(0, 1) if batch_first and has_batch else y, weights]
