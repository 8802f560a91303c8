"""Nadir's C API for Python: a binding that is generated from the prototypes of the public header.

`Library` reads the header and tells ctypes every prototype, so that what is new there can be called without a line here.
`Graph.build` and `Session` make C's arguments of lists, texts and arrays of NumPy, and a `NadirError` of a status
that is not NADIR_OK.
"""
import ctypes
import enum
import re

import numpy

NONE = 0
BATCH = -2**32  # NADIR_BATCH
OPEN = -2**63  # NADIR_OPEN


class Dtype(enum.IntEnum):
    """An element type, by its number in the header."""

    F32 = 1
    F64 = 2
    I32 = 3
    I64 = 4
    U8 = 5

    @property
    def numpy(self):
        return numpy.dtype({"F32": "f4", "F64": "f8", "I32": "i4", "I64": "i8", "U8": "u1"}[self.name])

    @property
    def is_float(self):
        return self in (Dtype.F32, Dtype.F64)


class NadirError(Exception):
    """A call that Nadir did not answer with NADIR_OK."""

    def __init__(self, function, status, message):
        super().__init__(f"{function}: {status}: {message}")
        self.status = status
        self.kind = f"{function} {status}"


# ---------------------------------------------------------------------------------------------------------- the header

SCALARS = {
    "void": None, "double": ctypes.c_double, "size_t": ctypes.c_size_t, "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64, "uint64_t": ctypes.c_uint64, "nadir_status": ctypes.c_int32,
    "nadir_dtype": ctypes.c_int32, "nadir_node": ctypes.c_uint32,
}


class Parameter:
    """A parameter of a C function, or its result, which has no name."""

    def __init__(self, declaration):
        words = re.findall(r"\w+|\*", declaration)
        self.is_pointer = "*" in words
        self.is_const = "const" in words
        names = [word for word in words if word not in ("const", "*")]
        self.type = names[0]
        self.name = names[1] if len(names) > 1 else ""

    @property
    def is_array(self):
        return self.is_pointer and self.type in SCALARS and self.type != "void"

    def ctype(self):
        if not self.is_pointer:
            return SCALARS[self.type]
        if self.type == "char" and self.is_const:
            return ctypes.c_char_p
        return ctypes.POINTER(SCALARS[self.type]) if self.is_array else ctypes.c_void_p


class Prototype:
    """A function of the header."""

    def __init__(self, name, result, parameters):
        self.name = name
        self.result = Parameter(result)
        self.parameters = [Parameter(one) for one in parameters.split(",") if one.strip() != "void"]

    @property
    def is_builder(self):
        """Whether it makes or tells nodes: by its result, or, for several, in an array called `out`."""
        return (self.result.type == "nadir_node" and not self.result.is_pointer
                or any(one.name == "out" and one.type == "nadir_node" for one in self.parameters))


def read_prototypes(header):
    """The functions of a header by their names, which lack the prefix `nadir_`."""
    text = re.sub(r"/\*.*?\*/|//[^\n]*|^[ \t]*#.*?(?<!\\)$", " ", header, flags=re.S | re.M)
    found = re.findall(r"\bNADIR_API\s+([^;()]*?)\bnadir_(\w+)\s*\(([^)]*)\)\s*;", text)
    return {name: Prototype(name, result, parameters) for result, name, parameters in found}


class Library:
    """The shared library with the functions of the header declared."""

    def __init__(self, path, header):
        self.prototypes = read_prototypes(header)
        self.missing = []
        library = ctypes.CDLL(str(path))
        for name, prototype in self.prototypes.items():
            try:
                function = library["nadir_" + name]
            except AttributeError:
                self.missing.append(name)
                continue
            function.restype = prototype.result.ctype()
            function.argtypes = [one.ctype() for one in prototype.parameters]
            setattr(self, name, function)

    def check(self, function, status, message):
        if status != 0:
            raise NadirError(function, self.status_name(status).decode(), message.decode())


# ------------------------------------------------------------------------------------------------- graphs and sessions


def options_text(options):
    """Options as Nadir wants them, `key=value` separated by spaces; NULL for none."""
    return " ".join(f"{key}={value}" for key, value in options.items()).encode() or None


def pointer_to(array):
    return ctypes.c_void_p(array.ctypes.data)


class Graph:
    """A graph, whose values and operations are numbers of nodes."""

    def __init__(self, library):
        self.library = library
        self.handle = library.graph_new(None)
        if not self.handle:
            raise MemoryError("no memory for a graph")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.graph_free(self.handle)

    def check(self, function, status=None):
        if status is None:
            status = self.library.graph_status(self.handle)
        self.library.check(function, status, self.library.graph_error(self.handle))

    def build(self, name, *arguments, **options):
        """Calls the builder `nadir_<name>`: a node, or a list of nodes if it makes several, the one that it returns first.

        The arguments are those of the header without what is known anyway: the graph, the number of elements of a list,
        the size of an array. The options are keywords.
        """
        prototype = self.library.prototypes[name]
        given = iter(arguments)
        values, made, others, length = [], None, [], None
        for parameter in prototype.parameters:
            if parameter.name == "graph":
                values.append(self.handle)
            elif length is not None:
                # What follows an array: the number of its elements or bytes.
                values.append(length)
                length = None
            elif parameter.name == "options":
                values.append(options_text(options))
            elif parameter.name == "out":
                # As many nodes as the list before it has elements.
                made = (ctypes.c_uint32 * values[-1])()
                values.append(made)
            elif parameter.type == "nadir_node" and parameter.is_pointer and not parameter.is_const:
                others.append(ctypes.c_uint32())
                values.append(others[-1])
            elif parameter.type == "void":
                array = next(given)
                values.append(pointer_to(array))
                length = array.nbytes
            elif parameter.is_array:
                elements = list(next(given))
                values.append((SCALARS[parameter.type] * len(elements))(*elements))
                length = len(elements)
            elif parameter.type == "char":
                text = next(given)
                values.append(text if text is None else text.encode())
            else:
                values.append(next(given))
        result = getattr(self.library, name)(*values)
        if made is not None:
            self.check(f"nadir_{name}", result)
            return list(made)
        if result == NONE:
            self.check(f"nadir_{name}")
        return [result] + [one.value for one in others] if others else result

    def find(self, name):
        return self.library.graph_find(self.handle, name.encode())

    def dtype_of(self, node):
        return Dtype(self.library.graph_node_dtype(self.handle, node))

    def shape_of(self, node):
        """The dimensions of a node, those with the batch as multiples of BATCH."""
        shape, rank = (ctypes.c_int64 * 8)(), ctypes.c_int32()
        self.check("nadir_graph_node_shape", self.library.graph_node_shape(self.handle, node, shape, 8, rank))
        return tuple(shape[:rank.value])

    def set_param(self, node, array):
        self.check("nadir_param_set", self.library.param_set(self.handle, node, pointer_to(array), array.nbytes))

    def dump(self):
        """The graph as a text for people."""
        needed = ctypes.c_size_t()
        self.check("nadir_graph_dump", self.library.graph_dump(self.handle, b"text", None, 0, needed))
        text = ctypes.create_string_buffer(needed.value)
        self.check("nadir_graph_dump", self.library.graph_dump(self.handle, b"text", text, len(text), needed))
        return text.value.decode()


class Session:
    """A session of a graph. What it reads are arrays of NumPy."""

    def __init__(self, graph, loss, outputs, max_batch, **options):
        self.library, self.graph = graph.library, graph
        nodes = (ctypes.c_uint32 * len(outputs))(*outputs)
        self.handle = self.library.session_new(graph.handle, loss, nodes, len(outputs), max_batch,
                                               options_text(options))
        if not self.handle:
            graph.check("nadir_session_new")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.library.session_free(self.handle)

    def run(self, name, *arguments):
        """Calls `nadir_<name>` with the session and the arguments."""
        status = getattr(self.library, name)(self.handle, *arguments)
        self.library.check(f"nadir_{name}", status, self.library.session_error(self.handle))

    def write(self, node, array):
        self.run("session_write", node, pointer_to(array), array.nbytes)

    def read(self, node, batch):
        """The values of a node at the batch of the last forward pass."""
        return self._copied("session_read", node, batch)

    def gradient(self, param):
        return self._copied("grad_get", param, 0)

    def _copied(self, name, node, batch):
        lengths = [resolve(dimension, batch) for dimension in self.graph.shape_of(node)]
        array = numpy.empty(lengths, self.graph.dtype_of(node).numpy)
        self.run(name, node, pointer_to(array), array.nbytes)
        return array


def is_symbolic(dimension):
    """Whether a dimension is the batch or a multiple of it."""
    return dimension <= BATCH


def resolve(dimension, batch):
    """The length of a dimension at a batch."""
    return dimension // BATCH * batch if is_symbolic(dimension) else dimension
