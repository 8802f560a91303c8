"""Pooling."""
import torch
import torch.nn.functional as F

from convolutions import by_axis
from nadir import BATCH
from program import Call
from sources import Domain
from table import operation

POOLING = "pooling"
# No two alike, so that there is one greatest.
SPREAD = Domain(-4.0, 4.0)


def image(s, dims, least=1):
    lengths = tuple(s.rng.choice((1, 2, 3, 5, 8, 13) if dims == 2 else (1, 3, 6, 13, 40)) for _ in range(dims))
    leading = s.rng.choice(((), (1,), (2,), (BATCH,), (2 * BATCH,)))
    return s.tensor(leading + (s.rng.choice((1, 2, 3)),) + lengths, domain=SPREAD), lengths


def window(s, length, is_mean, rounds_up):
    while True:
        size = s.rng.choice((1, 2, 2, 3, 3, 4))
        stride, dilation = s.rng.choice((None, 1, 2, 3)), 1 if is_mean else s.rng.choice((1, 1, 2))
        padding = s.rng.randint(0, size // 2)
        # Every window sees an element.
        if dilation * (size - 1) + 1 <= length + 2 * padding and (dilation == 1 or padding == 0 or dilation < length):
            return {"kernel": size, "stride": stride, "padding": padding, "dilation": dilation}


def sample_pool(name, dims, is_mean):
    def sample(s):
        x, lengths = image(s, dims)
        rounds_up = s.rng.randint(0, 1)
        windows = [window(s, length, is_mean, rounds_up) for length in lengths]
        options = {"ceil_mode": rounds_up}
        if is_mean:
            options["count_include_pad"] = s.rng.randint(0, 1)
        for one, end in zip(windows, ("_h", "_w") if dims == 2 else ("",)):
            options.update({key + end: value for key, value in one.items()
                            if value is not None and (key, end) != ("kernel", "") and (key != "dilation" or not is_mean)})
        return Call(name, (x, windows[-1]["kernel"]), options)
    return sample


def with_batch(x, dims, function):
    return function(x.contiguous()) if x.dim() == dims + 2 else function(x.contiguous().unsqueeze(0)).squeeze(0)


def gathered(x, dims, pooled):
    """The greatest elements where PyTorch found them. (Its own second derivative fails for some shapes.)"""
    values, places = pooled
    y = x.flatten(-dims).gather(-1, places.flatten(-dims)).reshape(values.shape)
    assert torch.equal(y.detach(), values)
    return y


def enter(name, dims, is_mean):
    def reference(x, kernel_size, **options):
        sizes = by_axis(options, "kernel", dims, kernel_size)
        strides = [stride or size for stride, size in zip(by_axis(options, "stride", dims, None), sizes)]
        paddings, rounds_up = by_axis(options, "padding", dims, 0), bool(options.get("ceil_mode", 0))
        if is_mean:
            function = (F.avg_pool1d, F.avg_pool2d)[dims - 1]
            counts = bool(options.get("count_include_pad", 1))
            return with_batch(x, dims, lambda x: function(x, sizes, strides, paddings, rounds_up, counts))
        function = (F.max_pool1d, F.max_pool2d)[dims - 1]
        dilations = by_axis(options, "dilation", dims, 1)
        return with_batch(x, dims, lambda x: gathered(
            x, dims, function(x.detach(), sizes, strides, paddings, dilations, rounds_up, return_indices=True)))

    operation(POOLING, sample_pool(name, dims, is_mean), name=name)(reference)


def enter_adaptive(name, dims, function):
    def sample(s):
        x, lengths = image(s, dims)
        return Call(name, (x, *(s.rng.choice((1, 2, 3, 5, 7)) for _ in lengths)))

    def reference(x, *sizes):
        return with_batch(x, dims, lambda x: function(x, sizes))

    operation(POOLING, sample, name=name)(reference)


for dims in (1, 2):
    enter(f"max_pool{dims}d", dims, False)
    enter(f"avg_pool{dims}d", dims, True)
    enter_adaptive(f"adaptive_max_pool{dims}d", dims, (F.adaptive_max_pool1d, F.adaptive_max_pool2d)[dims - 1])
    enter_adaptive(f"adaptive_avg_pool{dims}d", dims, (F.adaptive_avg_pool1d, F.adaptive_avg_pool2d)[dims - 1])


def sample_global_avg_pool(s):
    return Call("global_avg_pool", (s.tensor(ranks=(3, 5), least=1, accept=lambda shape: BATCH not in shape[2:]),))


@operation(POOLING, sample_global_avg_pool)
def global_avg_pool(x):
    return x.mean(list(range(2, x.dim())), True)
