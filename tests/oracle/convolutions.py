"""Convolutions, as functions and as layers."""
import torch.nn.functional as F

from layers import SMALL, layer_name, tensor_or_none
from nadir import BATCH, NONE
from program import Call
from table import operation

CONVOLUTIONS = "convolutions"


def window(s, length, is_transposed):
    """What a convolution over one dimension of that length has: a kernel's size and options that fit."""
    while True:
        size, dilation, stride = s.rng.choice((1, 2, 3, 3, 5)), s.rng.choice((1, 1, 2, 3)), s.rng.choice((1, 1, 2, 3))
        padding = s.rng.choice((0, 0, 1, 2, 3))
        covered = dilation * (size - 1) + 1
        if not is_transposed and s.chance(0.15):
            return {"size": size, "stride": 1, "padding": s.rng.choice(("same", "valid")), "dilation": dilation,
                    "output_padding": 0} if covered <= length else {"size": 1, "stride": 1, "padding": "same",
                                                                    "dilation": dilation, "output_padding": 0}
        output_padding = s.rng.randrange(max(stride, dilation)) if is_transposed else 0
        result = (length - 1) * stride - 2 * padding + covered + output_padding
        if result >= 1 if is_transposed else covered <= length + 2 * padding:
            return {"size": size, "stride": stride, "padding": padding, "dilation": dilation,
                    "output_padding": output_padding}


def sample_call(s, dims, is_transposed):
    """x, the groups, channels of the result, and the window over each of its dimensions."""
    groups = s.rng.choice((1, 1, 1, 2, 3))
    channels, out_channels = groups * s.rng.choice((1, 1, 2, 3)), groups * s.rng.choice((1, 2, 3, 5))
    lengths = tuple(s.rng.choice((1, 2, 3, 5, 7, 12) if dims == 2 else (1, 3, 6, 13, 40)) for _ in range(dims))
    leading = s.rng.choice(((), (1,), (2,), (BATCH,), (2 * BATCH,)))
    x = s.tensor(leading + (channels,) + lengths, domain=SMALL)
    if dims == 2 and s.chance(0.5):
        # One for both dimensions, which is that of the shorter one.
        both = window(s, min(lengths), is_transposed)
        windows = [both, both]
        options = {key: value for key, value in both.items() if key != "size"}
        if both["padding"] in ("same", "valid"):
            options["padding"] = both["padding"]
    else:
        windows = [window(s, length, is_transposed) for length in lengths]
        names = ("_h", "_w") if dims == 2 else ("",)
        options = {key + end: one[key] for one, end in zip(windows, names) for key in one if key != "size"}
    if not is_transposed:
        options = {key: value for key, value in options.items() if not key.startswith("output_padding")}
    options["groups"] = groups
    sizes = tuple(one["size"] for one in windows)
    shape = (channels, out_channels // groups) if is_transposed else (out_channels, channels // groups)
    return x, out_channels, shape + sizes, options


def sample_function(name, dims, is_transposed):
    def sample(s):
        x, out_channels, shape, options = sample_call(s, dims, is_transposed)
        weight = s.tensor(shape, domain=SMALL)
        bias = s.tensor((out_channels,), domain=SMALL) if s.chance(0.5) else NONE
        return Call(name, (x, weight, bias), options)
    return sample


def sample_layer(name, dims, is_transposed):
    def sample(s):
        x, out_channels, shape, options = sample_call(s, dims, is_transposed)
        sizes = shape[2:]
        if dims == 2:
            options.update(kernel_h=sizes[0], kernel_w=sizes[1])
        options["bias"] = s.rng.randint(0, 1)
        layer = layer_name(s, x)
        made = [s.layer(layer + ".weight", shape)] + [s.layer(layer + ".bias", (out_channels,))] * options["bias"]
        return Call(name, (layer, x, out_channels, sizes[-1], *made), options)
    return sample


def by_axis(options, key, dims, otherwise):
    both = options.get(key, otherwise)
    return [both] if dims == 1 else [options.get(key + "_h", both), options.get(key + "_w", both)]


def reference(x, weight, bias, dims, is_transposed, options):
    strides, paddings, dilations, groups = (*(by_axis(options, key, dims, otherwise) for key, otherwise in (
        ("stride", 1), ("padding", 0), ("dilation", 1))), options.get("groups", 1))
    bias = tensor_or_none(bias)
    has_batch = x.dim() == dims + 2
    batched = x if has_batch else x.unsqueeze(0)
    if is_transposed:
        function = (F.conv_transpose1d, F.conv_transpose2d)[dims - 1]
        y = function(batched.contiguous(), weight.contiguous(), bias, strides, paddings, by_axis(options, "output_padding", dims, 0), groups,
                     dilations)
    else:
        # PyTorch has one word for all dimensions: the padding is made here, as it makes it, the more behind.
        widths = []
        for padding, dilation, size in list(zip(paddings, dilations, weight.shape[2:]))[::-1]:
            total = dilation * (size - 1) if padding == "same" else 0 if padding == "valid" else None
            widths += [padding, padding] if total is None else [total // 2, total - total // 2]
        function = (F.conv1d, F.conv2d)[dims - 1]
        y = function(F.pad(batched, widths).contiguous(), weight.contiguous(), bias, strides, 0, dilations, groups)
    return y if has_batch else y.squeeze(0)


def enter(name, dims, is_transposed):
    def function(x, weight, bias=NONE, **options):
        return reference(x, weight, bias, dims, is_transposed, options)

    def layer(layer_name, x, out_channels, kernel_size, weight, made_bias=None, **options):
        return reference(x, weight, NONE if made_bias is None else made_bias, dims, is_transposed, options)

    operation(CONVOLUTIONS, sample_function(name, dims, is_transposed), name=name)(function)
    operation(CONVOLUTIONS, sample_layer(name + "_add", dims, is_transposed), name=name + "_add", given=4)(layer)


for dims in (1, 2):
    enter(f"conv{dims}d", dims, False)
    enter(f"conv_transpose{dims}d", dims, True)
