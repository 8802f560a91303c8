"""Optimisers and schedules over a hundred steps from equal weights, beside PyTorch's.

Both are given the same gradients, which depend on the step alone, so that only the rules differ. L-BFGS makes passes of its own: it is
given a problem.
"""
import ctypes
import random

import numpy
import torch

from nadir import NONE, Dtype, Graph, Session, options_text, pointer_to

STEPS = 100
BOUNDS = {Dtype.F32: 1e-4, Dtype.F64: 1e-9}
SHAPES = {"encoder.weight": (3, 5), "encoder.bias": (5,), "head.weight": (17,)}


class Problem:
    """Parameters of some shapes with numbers of a seed, in Nadir and in PyTorch, and their gradients by the step."""

    def __init__(self, library, dtype, seed):
        self.generator = numpy.random.default_rng(seed)
        self.dtype, self.library = dtype, library
        self.graph = Graph(library)
        self.nodes, self.tensors = {}, {}
        total = None
        for name, shape in SHAPES.items():
            start = self.generator.uniform(-1, 1, shape).astype(dtype.numpy)
            self.nodes[name] = self.graph.build("param_add", name, dtype, shape)
            self.graph.set_param(self.nodes[name], start)
            self.tensors[name] = torch.tensor(start, requires_grad=True)
            part = self.graph.build("sum", self.nodes[name], [])
            total = part if total is None else self.graph.build("add", total, part)
        self.session = Session(self.graph, total, [], 1)
        # The library computes some, which are then replaced.
        self.session.run("forward")
        self.session.run("backward")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.session.__exit__()
        self.graph.__exit__()

    def optimizer(self, name, rate, **options):
        handle = getattr(self.library, name + "_new")(self.session.handle, rate, options_text(options))
        if not handle:
            self.library.check(name, self.library.session_status(self.session.handle),
                               self.library.session_error(self.session.handle))
        return handle

    def check(self, name, status):
        self.library.check(name, status, self.library.session_error(self.session.handle))

    def next_gradients(self):
        """Gives new gradients to both."""
        flat = []
        for name, shape in SHAPES.items():
            gradient = (self.generator.normal(0.1, 1, shape) * self.generator.choice((0.05, 1.0))).astype(self.dtype.numpy)
            self.tensors[name].grad = torch.tensor(gradient)
            flat.append(gradient.reshape(-1))
        flat = numpy.concatenate(flat)
        self.session.run("grads_flat_set", self.dtype, pointer_to(flat), flat.nbytes)

    def difference(self):
        """The largest error of a parameter, relative to the largest of its elements."""
        worst = 0.0
        for name, shape in SHAPES.items():
            array = numpy.empty(shape, self.dtype.numpy)
            self.graph.check("param_get", self.library.param_get(self.graph.handle, self.nodes[name], pointer_to(array),
                                                                 array.nbytes))
            wanted = self.tensors[name].detach().numpy()
            worst = max(worst, float(abs(array - wanted).max() / max(abs(wanted).max(), 1e-3)))
        return worst


def get(library, optimizer, name):
    value = ctypes.c_double()
    assert library.optimizer_get(optimizer, name.encode(), value) == 0, name
    return value.value


class Lion(torch.optim.Optimizer):
    """The formula of Chen et al. 2023, which PyTorch 1.13 lacks."""

    def __init__(self, params, lr, betas, weight_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                m = self.state[p].setdefault("exp_avg", torch.zeros_like(p))
                beta1, beta2 = group["betas"]
                p.mul_(1 - group["lr"] * group["weight_decay"])
                p.sub_(group["lr"] * (beta1 * m + (1 - beta1) * p.grad).sign())
                m.mul_(beta2).add_(p.grad, alpha=1 - beta2)


class NAdam(torch.optim.Optimizer):
    """The formula of Dozat 2016, and of later PyTorch: 1.13 has mu_t twice in the product up to t + 1, and that in single precision."""

    def __init__(self, params, lr, betas, weight_decay, momentum_decay):
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay, "momentum_decay": momentum_decay})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for p in group["params"]:
                state = self.state[p]
                if not state:
                    state.update(step=0, product=1.0, m=torch.zeros_like(p), v=torch.zeros_like(p))
                state["step"] += 1
                t = state["step"]
                grad = p.grad + group["weight_decay"] * p
                mu, following = (beta1 * (1 - 0.5 * 0.96 ** (n * group["momentum_decay"])) for n in (t, t + 1))
                state["product"] *= mu
                state["m"].mul_(beta1).add_(grad, alpha=1 - beta1)
                state["v"].mul_(beta2).addcmul_(grad, grad, value=1 - beta2)
                denominator = (state["v"] / (1 - beta2 ** t)).sqrt() + 1e-8
                p.addcdiv_(grad, denominator, value=-group["lr"] * (1 - mu) / (1 - state["product"]))
                p.addcdiv_(state["m"], denominator, value=-group["lr"] * following / (1 - state["product"] * following))


def moments(rng):
    return {"beta1": rng.choice((0.9, 0.8, 0.0)), "beta2": rng.choice((0.999, 0.9))}


def with_betas(function):
    def make(params, lr, beta1=0.9, beta2=0.999, **options):
        return function(params, lr, betas=(beta1, beta2), **options)
    return make


def decay(rng):
    return {"weight_decay": rng.choice((0.0, 0.1))}


# Each: PyTorch's, and random options as Nadir has them, which are keywords of PyTorch's but for the betas.
RULES = {
    "sgd": (torch.optim.SGD, lambda r: {**decay(r), **r.choice((
        {}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": 1}, {"momentum": 0.5, "dampening": 0.25}))}),
    "adagrad": (torch.optim.Adagrad, lambda r: {**decay(r), "lr_decay": r.choice((0.0, 0.1)), "eps": r.choice((1e-10, 1e-3)),
                                                "initial_accumulator_value": r.choice((0.0, 0.5))}),
    "rmsprop": (torch.optim.RMSprop, lambda r: {**decay(r), "alpha": r.choice((0.99, 0.9)), "momentum": r.choice((0.0, 0.9)),
                                                "centered": r.randint(0, 1), "eps": r.choice((1e-8, 1e-3))}),
    "adam": (with_betas(torch.optim.Adam), lambda r: {**decay(r), **moments(r), "amsgrad": r.randint(0, 1)}),
    "adamw": (with_betas(torch.optim.AdamW), lambda r: {**decay(r), **moments(r), "amsgrad": r.randint(0, 1)}),
    "adamax": (with_betas(torch.optim.Adamax), lambda r: {**decay(r), **moments(r)}),
    "nadam": (with_betas(NAdam), lambda r: {**decay(r), **moments(r), "momentum_decay": r.choice((0.004, 0.1))}),
    "radam": (with_betas(torch.optim.RAdam), lambda r: {**decay(r), **moments(r)}),
    "lion": (with_betas(Lion), lambda r: {**decay(r), **moments(r)}),
}


def made_by_pytorch(make, params, rate, options):
    flags = {key: bool(value) for key, value in options.items() if key in ("nesterov", "centered", "amsgrad")}
    return make(params, rate, **{**options, **flags})


def compare_rule(library, name, dtype, seed):
    """What is wrong with a hundred steps of a rule with random options, groups and clipping, or None."""
    rng = random.Random(f"{name} {dtype.name} {seed}")
    make, draw = RULES[name]
    options, rate = draw(rng), rng.choice((0.01, 0.1))
    maximizes, norm, limit = rng.random() < 0.3, rng.choice((None, None, 1.0)), rng.choice((None, None, 0.5))
    grouped = rng.random() < 0.5
    extra = {"maximize": 1} if maximizes else {}
    if norm:
        extra["clip_norm"] = norm
    if limit:
        extra["clip_value"] = limit
    with Problem(library, dtype, seed) as problem:
        ours = problem.optimizer(name, rate, **options, **extra)
        by_name = problem.tensors
        params = [{"params": list(by_name.values())}]
        if grouped:
            problem.check("optimizer_group", library.optimizer_group(ours, b"*.bias", b"weight_decay=0"))
            problem.check("optimizer_group", library.optimizer_group(ours, b"head.*", b"lr=0.003"))
            params = [{"params": [by_name["encoder.weight"]]}, {"params": [by_name["encoder.bias"]], "weight_decay": 0.0},
                      {"params": [by_name["head.weight"]], "lr": 0.003}]
        theirs = made_by_pytorch(make, params, rate, options)
        for _ in range(STEPS):
            problem.next_gradients()
            if limit:
                torch.nn.utils.clip_grad_value_(by_name.values(), limit)
            if norm:
                torch.nn.utils.clip_grad_norm_(by_name.values(), norm)
            for tensor in by_name.values():
                tensor.grad = -tensor.grad if maximizes else tensor.grad
            theirs.step()
            problem.check("optimizer_step", library.optimizer_step(ours))
        library.optimizer_free(ours)
        error = problem.difference()
    if not error <= BOUNDS[dtype]:
        return f"{name}, {dtype.name.lower()}, {options} {extra}{' in groups' if grouped else ''}: off by {error:.2g}"
    return None


S = torch.optim.lr_scheduler
# Each: Nadir's options, and PyTorch's scheduler of an optimiser.
SCHEDULES = {
    "constant": ({"factor": 0.25, "total_iters": 12}, lambda o: S.ConstantLR(o, 0.25, 12)),
    "step": ({"step_size": 7, "gamma": 0.5}, lambda o: S.StepLR(o, 7, 0.5)),
    "multi_step": ({"milestones": "5,30,31", "gamma": 0.3}, lambda o: S.MultiStepLR(o, [5, 30, 31], 0.3)),
    "exponential": ({"gamma": 0.95}, lambda o: S.ExponentialLR(o, 0.95)),
    "polynomial": ({"total_iters": 60, "power": 2}, lambda o: S.PolynomialLR(o, 60, 2)),
    "cosine": ({"t_max": 40, "eta_min": 0.01}, lambda o: S.CosineAnnealingLR(o, 40, 0.01)),
    "cosine_restarts": ({"t_0": 10, "t_mult": 2, "eta_min": 0.01}, lambda o: S.CosineAnnealingWarmRestarts(o, 10, 2, 0.01)),
    "one_cycle": ({"max_lr": 0.5, "total_steps": 101}, lambda o: S.OneCycleLR(o, 0.5, 101)),
    "one_cycle, linear": ({"max_lr": 0.5, "total_steps": 101, "anneal": "linear", "pct_start": 0.4, "three_phase": 1,
                           "div_factor": 10, "final_div_factor": 100},
                          lambda o: S.OneCycleLR(o, 0.5, 101, anneal_strategy="linear", pct_start=0.4, three_phase=True,
                                                 div_factor=10, final_div_factor=100)),
    "plateau": ({"factor": 0.5, "patience": 3, "cooldown": 2, "min_lr": 0.001},
                lambda o: S.ReduceLROnPlateau(o, factor=0.5, patience=3, cooldown=2, min_lr=0.001)),
}


def compare_schedule(library, name, rule, dtype, seed):
    """What is wrong with a hundred steps of a schedule, in rates and in parameters, or None."""
    options, make = SCHEDULES[name]
    with Problem(library, dtype, seed) as problem:
        settings = {"momentum": 0.9} if rule == "sgd" else {}
        ours = problem.optimizer(rule, 0.1, **settings)
        theirs = made_by_pytorch(RULES[rule][0], problem.tensors.values(), 0.1, settings)
        problem.check("optimizer_schedule",
                      library.optimizer_schedule(ours, name.split(",")[0].encode(), options_text(options)))
        schedule = make(theirs)
        rng = random.Random(seed)
        for step in range(STEPS):
            rate = get(library, ours, "current_lr")
            wanted = theirs.param_groups[0]["lr"]
            if not abs(rate - wanted) <= 1e-9 * wanted:
                library.optimizer_free(ours)
                return f"schedule {name}: {rate} instead of {wanted} in step {step}"
            problem.next_gradients()
            theirs.step()
            problem.check("optimizer_step", library.optimizer_step(ours))
            if name == "plateau":
                measure = rng.uniform(0.5, 1) + 1 / (1 + step)
                schedule.step(measure)
                problem.check("optimizer_report", library.optimizer_report(ours, measure))
            else:
                schedule.step()
        library.optimizer_free(ours)
        error = problem.difference()
    return None if error <= BOUNDS[dtype] else f"schedule {name} of {rule}, {dtype.name.lower()}: off by {error:.2g}"


def compare_lbfgs(library, searches, seed):
    """What is wrong with L-BFGS on a small network, or None: the losses of its steps, as long as they tell something."""
    generator = numpy.random.default_rng(seed)
    x, t = generator.uniform(-1, 1, (20, 2)), generator.uniform(-1, 1, (20, 1))
    weights = [generator.uniform(-1, 1, shape) for shape in ((6, 2), (6,), (1, 6), (1,))]
    graph = Graph(library)
    nodes = [graph.build("param_add", None, Dtype.F64, weight.shape) for weight in weights]
    for node, weight in zip(nodes, weights):
        graph.set_param(node, numpy.ascontiguousarray(weight))
    given = [graph.build("constant_add", None, Dtype.F64, array.shape, numpy.ascontiguousarray(array)) for array in (x, t)]
    hidden = graph.build("tanh", graph.build("add", graph.build("matmul", given[0], nodes[0], transpose_b=1), nodes[1]))
    y = graph.build("add", graph.build("matmul", hidden, nodes[2], transpose_b=1), nodes[3])
    session = Session(graph, graph.build("mse_loss", y, given[1]), [], 1)
    options = {"line_search": "strong_wolfe" if searches else "none", "max_iter": 5, "history_size": 4}
    rate = 1.0 if searches else 0.1
    ours = library.lbfgs_new(session.handle, rate, options_text(options))

    tensors = [torch.tensor(weight, requires_grad=True) for weight in weights]
    theirs = torch.optim.LBFGS(tensors, rate, max_iter=5, history_size=4,
                               line_search_fn="strong_wolfe" if searches else None)
    inputs, targets = torch.tensor(x), torch.tensor(t)

    def closure():
        theirs.zero_grad()
        output = torch.tanh(inputs @ tensors[0].T + tensors[1]) @ tensors[2].T + tensors[3]
        loss = torch.nn.functional.mse_loss(output, targets)
        loss.backward()
        return loss

    wrong = None
    for step in range(10):
        loss = ctypes.c_double()
        library.check("train_step", library.train_step(ours, loss), library.session_error(session.handle))
        wanted = float(theirs.step(closure))
        if wrong is None and not abs(loss.value - wanted) <= 1e-9 * abs(wanted):
            wrong = f"lbfgs, {options}: the loss is {loss.value} instead of {wanted} in step {step}"
    library.optimizer_free(ours)
    session.__exit__()
    graph.__exit__()
    return wrong


def failures(library, trials):
    """All that is wrong, and how many comparisons there were."""
    results = [compare_rule(library, name, dtype, trial)
               for name in RULES for dtype in (Dtype.F32, Dtype.F64) for trial in range(trials)]
    results += [compare_schedule(library, name, rule, dtype, trial) for name in SCHEDULES for rule in ("sgd", "adam")
                for dtype in (Dtype.F32, Dtype.F64) for trial in range(2)]
    results += [compare_lbfgs(library, searches, trial) for searches in (False, True) for trial in range(5)]
    return [result for result in results if result], len(results)
