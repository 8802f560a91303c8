#!/usr/bin/env python3
"""Fits a line with Nadir from Python, by the standard library's ctypes alone: no binding, no build step.

The same ten steps as examples/linear_fit.c, printed alike. The library is the first argument, or what NADIR_LIBRARY names,
or what the system finds.
"""

import ctypes
import ctypes.util
import os
import sys
from ctypes import POINTER, byref, c_char_p, c_double, c_float, c_int32, c_int64, c_size_t, c_uint32, c_void_p, sizeof

F32 = 1
BATCH = -4294967296
NONE = 0

X = [-2.0, -1.0, 0.0, 1.0, 2.0]
T = [-4.0, -1.0, 2.0, 5.0, 8.0]
UNSEEN = 3.0


def load():
    """The library with the signatures of the functions that are used."""
    name = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("NADIR_LIBRARY") or ctypes.util.find_library("nadir")
    if not name:
        sys.exit("libnadir was not found: name it as the argument, or in NADIR_LIBRARY")
    nadir = ctypes.CDLL(name)
    signatures = {
        "graph_new": (c_void_p, [c_void_p]),
        "graph_free": (None, [c_void_p]),
        "graph_error": (c_char_p, [c_void_p]),
        "graph_find": (c_uint32, [c_void_p, c_char_p]),
        "input_add": (c_uint32, [c_void_p, c_char_p, c_int32, POINTER(c_int64), c_int32]),
        "linear_add": (c_uint32, [c_void_p, c_char_p, c_uint32, c_int64, c_char_p]),
        "mse_loss": (c_uint32, [c_void_p, c_uint32, c_uint32, c_char_p]),
        "param_get": (c_int32, [c_void_p, c_uint32, c_void_p, c_size_t]),
        "param_set": (c_int32, [c_void_p, c_uint32, c_void_p, c_size_t]),
        "session_new": (c_void_p, [c_void_p, c_uint32, POINTER(c_uint32), c_int32, c_int64, c_char_p]),
        "session_free": (None, [c_void_p]),
        "session_error": (c_char_p, [c_void_p]),
        "session_write": (c_int32, [c_void_p, c_uint32, c_void_p, c_size_t]),
        "session_read": (c_int32, [c_void_p, c_uint32, c_void_p, c_size_t]),
        "zero_grad": (c_int32, [c_void_p]),
        "forward": (c_int32, [c_void_p]),
        "backward": (c_int32, [c_void_p]),
        "grad_get": (c_int32, [c_void_p, c_uint32, c_void_p, c_size_t]),
        "sgd_step": (c_int32, [c_void_p, c_double]),
        "status_name": (c_char_p, [c_int32]),
    }
    for function, (result, arguments) in signatures.items():
        getattr(nadir, "nadir_" + function).restype = result
        getattr(nadir, "nadir_" + function).argtypes = arguments
    return nadir


class Fit:
    """The graph of y = w x + b, a session that trains it and one that predicts."""

    def __init__(self, nadir):
        self.nadir = nadir
        column = (c_int64 * 2)(BATCH, 1)
        self.graph = nadir.nadir_graph_new(None)
        self.x = nadir.nadir_input_add(self.graph, b"x", F32, column, 2)
        self.t = nadir.nadir_input_add(self.graph, b"t", F32, column, 2)
        self.y = nadir.nadir_linear_add(self.graph, b"fit", self.x, 1, None)
        self.loss = nadir.nadir_mse_loss(self.graph, self.y, self.t, None)
        self.w = nadir.nadir_graph_find(self.graph, b"fit.weight")
        self.b = nadir.nadir_graph_find(self.graph, b"fit.bias")
        self.train = self.session(self.loss, None, 0)
        self.predict = self.session(NONE, byref(c_uint32(self.y)), 1)

    def session(self, loss, outputs, output_count):
        session = self.nadir.nadir_session_new(self.graph, loss, outputs, output_count, 1, None)
        if not session:
            sys.exit("nadir_session_new: " + self.nadir.nadir_graph_error(self.graph).decode())
        return session

    def call(self, function, *arguments):
        """Calls a function of the library and ends with its name, if it fails."""
        status = getattr(self.nadir, "nadir_" + function)(*arguments)
        if status != 0:
            name = self.nadir.nadir_status_name(status).decode()
            message = self.nadir.nadir_session_error(self.train).decode()
            sys.exit(f"nadir_{function}: {name} {message}")

    def get(self, function, *arguments):
        """The number that a function of the library copies out."""
        value = c_float()
        self.call(function, *arguments, byref(value), sizeof(value))
        return value.value

    def put(self, function, owner, node, number):
        value = c_float(number)
        self.call(function, owner, node, byref(value), sizeof(value))

    def line(self):
        return self.get("param_get", self.graph, self.w), self.get("param_get", self.graph, self.b)

    def step(self, x, t, learning_rate):
        """One step of gradient descent on one sample; returns the loss and both gradients."""
        self.put("session_write", self.train, self.x, x)
        self.put("session_write", self.train, self.t, t)
        self.call("zero_grad", self.train)
        self.call("forward", self.train)
        self.call("backward", self.train)
        loss = self.get("session_read", self.train, self.loss)
        gradients = self.get("grad_get", self.train, self.w), self.get("grad_get", self.train, self.b)
        self.call("sgd_step", self.train, learning_rate)
        return loss, *gradients

    def at(self, x):
        self.put("session_write", self.predict, self.x, x)
        self.call("forward", self.predict)
        return self.get("session_read", self.predict, self.y)

    def free(self):
        self.nadir.nadir_session_free(self.predict)
        self.nadir.nadir_session_free(self.train)
        self.nadir.nadir_graph_free(self.graph)


def main():
    fit = Fit(load())
    for parameter in (fit.w, fit.b):
        fit.put("param_set", fit.graph, parameter, 1.0)
    columns = ("w before", "b before", "loss", "dL/dw", "dL/db", "w after", "b after")
    print("%6s %3s" % ("step", "x") + "".join(" %16s" % column for column in columns))
    for step in range(10):
        x, t = X[step % 5], T[step % 5]
        before = fit.line()
        results = fit.step(x, t, 0.1)
        print("%6d %3g" % (step + 1, x) + "".join(" %16.9g" % value for value in (*before, *results, *fit.line())))
    print("\nprediction for x = %g: %.9g (3x + 2 = %g)" % (UNSEEN, fit.at(UNSEEN), 3 * UNSEEN + 2))
    fit.free()


if __name__ == "__main__":
    main()
