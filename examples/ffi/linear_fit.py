#!/usr/bin/env python3
"""Fits a line to five points through Nadir's C API, with nothing but Python's ctypes.

It does what examples/linear_fit.c does in single precision, and prints the same characters: y = w x + b from
w = b = 1, one point of y = 3x + 2 a step, ten steps, then a prediction for an x that it has never seen.

To run:  linear_fit.py [LIBRARY]        (or set NADIR_LIBRARY; else the system's library is used)

What to look for: `declare`, which is all that a binding needs; `check`, which turns a status into an exception; and
that objects may be freed in any order, so that a garbage collector may do it.
"""

import ctypes
import ctypes.util
import os
import sys

OK = 0
F32 = 1
NONE = 0
BATCH = -4294967296  # the batch as a dimension; it needs 64 bits

SAMPLES = [(-2, -4), (-1, -1), (0, 2), (1, 5), (2, 8)]
EPOCHS = 2
LEARNING_RATE = 0.1
START = 1
UNSEEN_X = 3


class NadirError(Exception):
    """A call that Nadir did not answer with NADIR_OK."""


def load():
    """The library from the command line, the environment or the system, with its functions declared."""
    path = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NADIR_LIBRARY") or ctypes.util.find_library("nadir")
    if not path:
        sys.exit("linear_fit.py: no Nadir library found; give its path as an argument or in NADIR_LIBRARY")
    try:
        return declare(ctypes.CDLL(path))
    except (OSError, AttributeError) as error:  # no library, or one that lacks a function
        sys.exit(f"linear_fit.py: cannot use {path}: {error}")


def declare(library):
    """Tells ctypes the prototypes, without which it would take every argument and result for an int."""
    status, node, dtype, size = ctypes.c_int32, ctypes.c_uint32, ctypes.c_int32, ctypes.c_size_t
    pointer, text, integer = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int32
    shape, nodes = ctypes.POINTER(ctypes.c_int64), ctypes.POINTER(node)
    for name, result, arguments in [
        ("status_name", text, [status]),
        ("graph_new", pointer, [pointer]),
        ("graph_free", None, [pointer]),
        ("graph_status", status, [pointer]),
        ("graph_error", text, [pointer]),
        ("graph_find", node, [pointer, text]),
        ("input_add", node, [pointer, text, dtype, shape, integer]),
        ("linear_add", node, [pointer, text, node, ctypes.c_int64, text]),
        ("mse_loss", node, [pointer, node, node, text]),
        ("param_get", status, [pointer, node, pointer, size]),
        ("param_set", status, [pointer, node, pointer, size]),
        ("session_new", pointer, [pointer, node, nodes, integer, ctypes.c_int64, text]),
        ("session_free", None, [pointer]),
        ("session_error", text, [pointer]),
        ("session_write", status, [pointer, node, pointer, size]),
        ("session_read", status, [pointer, node, pointer, size]),
        ("zero_grad", status, [pointer]),
        ("forward", status, [pointer]),
        ("backward", status, [pointer]),
        ("sgd_step", status, [pointer, ctypes.c_double]),
        ("grad_get", status, [pointer, node, pointer, size]),
    ]:
        function = getattr(library, "nadir_" + name)
        function.restype = result
        function.argtypes = arguments
    return library


class Fit:
    """The graph of the line, a session that trains it and one that predicts with it."""

    def __init__(self, nadir):
        self.nadir = nadir
        self.graph = self.training = self.predicting = None

    def build(self):
        nadir = self.nadir
        self.graph = graph = nadir.nadir_graph_new(None)
        if not graph:
            raise NadirError("no memory for a graph")
        column = (ctypes.c_int64 * 2)(BATCH, 1)
        self.x = nadir.nadir_input_add(graph, b"x", F32, column, 2)
        self.target = nadir.nadir_input_add(graph, b"target", F32, column, 2)
        self.prediction = nadir.nadir_linear_add(graph, b"fit", self.x, 1, None)
        self.loss = nadir.nadir_mse_loss(graph, self.prediction, self.target, None)
        self.check_graph(nadir.nadir_graph_status(graph))
        self.weight = nadir.nadir_graph_find(graph, b"fit.weight")
        self.bias = nadir.nadir_graph_find(graph, b"fit.bias")
        self.set_param(self.weight, START)
        self.set_param(self.bias, START)
        self.training = self.new_session(self.loss, [])
        self.predicting = self.new_session(NONE, [self.prediction])

    def free(self):
        self.nadir.nadir_graph_free(self.graph)  # the sessions keep it alive; every free accepts a null
        self.nadir.nadir_session_free(self.training)
        self.nadir.nadir_session_free(self.predicting)

    def check(self, status, message=b""):
        if status != OK:
            raise NadirError((self.nadir.nadir_status_name(status) + b": " + message).decode())

    def check_graph(self, status):
        self.check(status, self.nadir.nadir_graph_error(self.graph))

    def check_session(self, session, status):
        self.check(status, self.nadir.nadir_session_error(session))

    def new_session(self, loss, outputs):
        array = (ctypes.c_uint32 * len(outputs))(*outputs)
        session = self.nadir.nadir_session_new(self.graph, loss, array, len(outputs), 1, None)
        if not session:
            self.check_graph(self.nadir.nadir_graph_status(self.graph))
        return session

    def set_param(self, param, value):
        element = ctypes.c_float(value)
        self.check_graph(self.nadir.nadir_param_set(self.graph, param, ctypes.byref(element), 4))

    def get_param(self, param):
        element = ctypes.c_float()
        self.check(self.nadir.nadir_param_get(self.graph, param, ctypes.byref(element), 4), b"getting a parameter")
        return element.value

    def get_gradient(self, param):
        element = ctypes.c_float()
        self.check(self.nadir.nadir_grad_get(self.training, param, ctypes.byref(element), 4), b"getting a gradient")
        return element.value

    def write(self, session, node, value):
        element = ctypes.c_float(value)
        self.check_session(session, self.nadir.nadir_session_write(session, node, ctypes.byref(element), 4))

    def read(self, session, node):
        element = ctypes.c_float()
        self.check_session(session, self.nadir.nadir_session_read(session, node, ctypes.byref(element), 4))
        return element.value

    def step(self, x, y):
        """Takes one step of gradient descent on one point; the row of numbers about it."""
        nadir, session = self.nadir, self.training
        before = [self.get_param(self.weight), self.get_param(self.bias)]
        self.write(session, self.x, x)
        self.write(session, self.target, y)
        self.check_session(session, nadir.nadir_zero_grad(session))
        self.check_session(session, nadir.nadir_forward(session))
        self.check_session(session, nadir.nadir_backward(session))
        self.check_session(session, nadir.nadir_sgd_step(session, LEARNING_RATE))
        gradients = [self.get_gradient(self.weight), self.get_gradient(self.bias)]
        after = [self.get_param(self.weight), self.get_param(self.bias)]
        return before + [self.read(session, self.loss)] + gradients + after

    def predict(self, x):
        self.write(self.predicting, self.x, x)
        self.check_session(self.predicting, self.nadir.nadir_forward(self.predicting))
        return self.read(self.predicting, self.prediction)


def run(fit):
    fit.build()
    names = ["w before", "b before", "loss", "dL/dw", "dL/db", "w after", "b after"]
    print("%6s%4s" % ("step", "x") + "".join("%17s" % name for name in names))
    for number, (x, y) in enumerate(SAMPLES * EPOCHS, start=1):
        print("%6d%4g" % (number, x) + "".join("%17.9g" % value for value in fit.step(x, y)))
    print("\nprediction for x = %g: %.9g (3x + 2 = %g)" % (UNSEEN_X, fit.predict(UNSEEN_X), 3 * UNSEEN_X + 2))


def main():
    fit = Fit(load())
    try:
        run(fit)
    except NadirError as error:
        sys.exit(f"linear_fit.py: {error}")
    finally:
        fit.free()


if __name__ == "__main__":
    main()
