#!/usr/bin/env luajit
--[[
Fits a line to five points through Nadir's C API, with LuaJIT's ffi.

It does what examples/linear_fit.c does in single precision, and prints the same characters: y = w x + b from
w = b = 1, one point of y = 3x + 2 a step, ten steps, then a prediction for an x that it has never seen.

To run:  luajit linear_fit.lua [LIBRARY]        (or set NADIR_LIBRARY; else the system's library is used)

What to look for: the declarations are the header's own; and ffi.gc hands graph and sessions to the garbage collector,
which frees them in any order.
]]

local ffi = require("ffi")

ffi.cdef [[
typedef int32_t nadir_status;
typedef int32_t nadir_dtype;
typedef uint32_t nadir_node;
typedef struct nadir_host nadir_host;
typedef struct nadir_graph nadir_graph;
typedef struct nadir_session nadir_session;

const char *nadir_status_name(nadir_status status);
nadir_graph *nadir_graph_new(const nadir_host *host);
void nadir_graph_free(nadir_graph *graph);
nadir_status nadir_graph_status(const nadir_graph *graph);
const char *nadir_graph_error(const nadir_graph *graph);
nadir_node nadir_graph_find(const nadir_graph *graph, const char *name);
nadir_node nadir_input_add(nadir_graph *graph, const char *name, nadir_dtype dtype, const int64_t *shape, int32_t rank);
nadir_node nadir_linear_add(nadir_graph *graph, const char *name, nadir_node x, int64_t out_features,
                            const char *options);
nadir_node nadir_mse_loss(nadir_graph *graph, nadir_node prediction, nadir_node target, const char *options);
nadir_status nadir_param_get(const nadir_graph *graph, nadir_node param, void *data, size_t bytes);
nadir_status nadir_param_set(nadir_graph *graph, nadir_node param, const void *data, size_t bytes);
nadir_session *nadir_session_new(nadir_graph *graph, nadir_node loss, const nadir_node *outputs, int32_t output_count,
                                 int64_t max_batch, const char *options);
void nadir_session_free(nadir_session *session);
const char *nadir_session_error(const nadir_session *session);
nadir_status nadir_session_write(nadir_session *session, nadir_node input, const void *data, size_t bytes);
nadir_status nadir_session_read(nadir_session *session, nadir_node node, void *data, size_t bytes);
nadir_status nadir_zero_grad(nadir_session *session);
nadir_status nadir_forward(nadir_session *session);
nadir_status nadir_backward(nadir_session *session);
nadir_status nadir_sgd_step(nadir_session *session, double learning_rate);
nadir_status nadir_grad_get(const nadir_session *session, nadir_node param, void *data, size_t bytes);
]]

local F32 = 1
local NONE = 0
local BATCH = -4294967296LL -- the batch as a dimension; it needs 64 bits

local SAMPLES = {{-2, -4}, {-1, -1}, {0, 2}, {1, 5}, {2, 8}}
local EPOCHS = 2
local LEARNING_RATE = 0.1
local START = 1
local UNSEEN_X = 3

local function fail(message)
  io.stderr:write("linear_fit.lua: ", message, "\n")
  os.exit(1, true) -- true: frees what the collector holds
end

local function load_library()
  local path = arg[1] or os.getenv("NADIR_LIBRARY") or "nadir"
  local loaded, library = pcall(ffi.load, path)
  if not loaded then
    fail("no Nadir library (" .. library .. "); give its path as an argument or in NADIR_LIBRARY")
  end
  return library
end

local nadir = load_library()

local function check(status, message)
  if status ~= 0 then fail(ffi.string(nadir.nadir_status_name(status)) .. ": " .. message) end
end

local function check_graph(graph, status) check(status, ffi.string(nadir.nadir_graph_error(graph))) end

local function check_session(session, status) check(status, ffi.string(nadir.nadir_session_error(session))) end

-- One element, lent to every call that takes or gives one.
local element = ffi.new("float[1]")

local function set_param(fit, param, value)
  element[0] = value
  check_graph(fit.graph, nadir.nadir_param_set(fit.graph, param, element, 4))
end

local function get_param(fit, param)
  check(nadir.nadir_param_get(fit.graph, param, element, 4), "getting a parameter")
  return element[0]
end

local function get_gradient(fit, param)
  check(nadir.nadir_grad_get(fit.training, param, element, 4), "getting a gradient")
  return element[0]
end

local function write(session, node, value)
  element[0] = value
  check_session(session, nadir.nadir_session_write(session, node, element, 4))
end

local function read(session, node)
  check_session(session, nadir.nadir_session_read(session, node, element, 4))
  return element[0]
end

local function new_session(graph, loss, outputs)
  local nodes = ffi.new("nadir_node[?]", #outputs, outputs)
  local session = nadir.nadir_session_new(graph, loss, nodes, #outputs, 1, nil)
  if session == nil then check_graph(graph, nadir.nadir_graph_status(graph)) end
  return ffi.gc(session, nadir.nadir_session_free)
end

local function new_fit()
  local graph = nadir.nadir_graph_new(nil)
  if graph == nil then fail("no memory for a graph") end
  local fit = {graph = ffi.gc(graph, nadir.nadir_graph_free)}
  local column = ffi.new("int64_t[2]", BATCH, 1)
  fit.x = nadir.nadir_input_add(graph, "x", F32, column, 2)
  fit.target = nadir.nadir_input_add(graph, "target", F32, column, 2)
  fit.prediction = nadir.nadir_linear_add(graph, "fit", fit.x, 1, nil)
  fit.loss = nadir.nadir_mse_loss(graph, fit.prediction, fit.target, nil)
  check_graph(graph, nadir.nadir_graph_status(graph))
  fit.weight = nadir.nadir_graph_find(graph, "fit.weight")
  fit.bias = nadir.nadir_graph_find(graph, "fit.bias")
  set_param(fit, fit.weight, START)
  set_param(fit, fit.bias, START)
  fit.training = new_session(graph, fit.loss, {})
  fit.predicting = new_session(graph, NONE, {fit.prediction})
  return fit
end

-- Takes one step of gradient descent on one point; the row of numbers about it.
local function take_step(fit, x, y)
  local session = fit.training
  local w_before, b_before = get_param(fit, fit.weight), get_param(fit, fit.bias)
  write(session, fit.x, x)
  write(session, fit.target, y)
  check_session(session, nadir.nadir_zero_grad(session))
  check_session(session, nadir.nadir_forward(session))
  check_session(session, nadir.nadir_backward(session))
  check_session(session, nadir.nadir_sgd_step(session, LEARNING_RATE))
  return {
    w_before, b_before, read(session, fit.loss), get_gradient(fit, fit.weight), get_gradient(fit, fit.bias),
    get_param(fit, fit.weight), get_param(fit, fit.bias)
  }
end

local function predict(fit, x)
  write(fit.predicting, fit.x, x)
  check_session(fit.predicting, nadir.nadir_forward(fit.predicting))
  return read(fit.predicting, fit.prediction)
end

local function print_cells(first, format, cells)
  for _, cell in ipairs(cells) do first = first .. string.format(format, cell) end
  print(first)
end

local fit = new_fit()
print_cells(string.format("%6s%4s", "step", "x"), "%17s",
            {"w before", "b before", "loss", "dL/dw", "dL/db", "w after", "b after"})
for number = 1, EPOCHS * #SAMPLES do
  local x, y = unpack(SAMPLES[(number - 1) % #SAMPLES + 1])
  print_cells(string.format("%6d%4g", number, x), "%17.9g", take_step(fit, x, y))
end
print(string.format("\nprediction for x = %g: %.9g (3x + 2 = %g)", UNSEEN_X, predict(fit, UNSEEN_X), 3 * UNSEEN_X + 2))
