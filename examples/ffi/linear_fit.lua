-- Fits a line with Nadir from LuaJIT, by its ffi library alone: no binding, no build step.
--
-- The same ten steps as examples/linear_fit.c, printed alike. The library is the first argument, or what NADIR_LIBRARY names,
-- or what the system finds.
local ffi = require("ffi")

ffi.cdef [[
typedef uint32_t nadir_node;
typedef int32_t nadir_status;
typedef struct nadir_graph nadir_graph;
typedef struct nadir_session nadir_session;
nadir_graph *nadir_graph_new(const void *host);
void nadir_graph_free(nadir_graph *graph);
const char *nadir_graph_error(const nadir_graph *graph);
nadir_node nadir_graph_find(const nadir_graph *graph, const char *name);
nadir_node nadir_input_add(nadir_graph *graph, const char *name, int32_t dtype, const int64_t *shape, int32_t rank);
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
nadir_status nadir_grad_get(const nadir_session *session, nadir_node param, void *data, size_t bytes);
nadir_status nadir_sgd_step(nadir_session *session, double learning_rate);
const char *nadir_status_name(nadir_status status);
]]

local F32 = 1
local BATCH = -4294967296
local X = { -2, -1, 0, 1, 2 }
local T = { -4, -1, 2, 5, 8 }
local UNSEEN = 3

local nadir = ffi.load(arg[1] or os.getenv("NADIR_LIBRARY") or "nadir")

local function fail(message)
  io.stderr:write(message, "\n")
  os.exit(1)
end

-- The graph of y = w x + b. Objects are freed by the garbage collector, in any order.
local graph = ffi.gc(nadir.nadir_graph_new(nil), nadir.nadir_graph_free)
local column = ffi.new("int64_t[2]", { BATCH, 1 })
local x = nadir.nadir_input_add(graph, "x", F32, column, 2)
local t = nadir.nadir_input_add(graph, "t", F32, column, 2)
local y = nadir.nadir_linear_add(graph, "fit", x, 1, nil)
local loss = nadir.nadir_mse_loss(graph, y, t, nil)
local w = nadir.nadir_graph_find(graph, "fit.weight")
local b = nadir.nadir_graph_find(graph, "fit.bias")

local function session(loss_or_none, outputs, count)
  local made = nadir.nadir_session_new(graph, loss_or_none, outputs, count, 1, nil)
  if made == nil then fail("nadir_session_new: " .. ffi.string(nadir.nadir_graph_error(graph))) end
  return ffi.gc(made, nadir.nadir_session_free)
end

local train = session(loss, nil, 0)
local predict = session(0, ffi.new("nadir_node[1]", { y }), 1)

local function check(status)
  if status == 0 then return end
  fail(ffi.string(nadir.nadir_status_name(status)) .. " " .. ffi.string(nadir.nadir_session_error(train)))
end

-- One number into the library, or out of it.
local number = ffi.new("float[1]")
local function put(call, owner, node, value)
  number[0] = value
  check(call(owner, node, number, 4))
end
local function get(call, owner, node)
  check(call(owner, node, number, 4))
  return number[0]
end

put(nadir.nadir_param_set, graph, w, 1)
put(nadir.nadir_param_set, graph, b, 1)
print(("%6s %3s %16s %16s %16s %16s %16s %16s %16s"):format("step", "x", "w before", "b before", "loss", "dL/dw",
  "dL/db", "w after", "b after"))
for step = 0, 9 do
  local sample = step % 5 + 1
  local row = { get(nadir.nadir_param_get, graph, w), get(nadir.nadir_param_get, graph, b) }
  put(nadir.nadir_session_write, train, x, X[sample])
  put(nadir.nadir_session_write, train, t, T[sample])
  check(nadir.nadir_zero_grad(train))
  check(nadir.nadir_forward(train))
  check(nadir.nadir_backward(train))
  row[3] = get(nadir.nadir_session_read, train, loss)
  row[4] = get(nadir.nadir_grad_get, train, w)
  row[5] = get(nadir.nadir_grad_get, train, b)
  check(nadir.nadir_sgd_step(train, 0.1))
  row[6] = get(nadir.nadir_param_get, graph, w)
  row[7] = get(nadir.nadir_param_get, graph, b)
  print(("%6d %3g %16.9g %16.9g %16.9g %16.9g %16.9g %16.9g %16.9g"):format(step + 1, X[sample], unpack(row)))
end

put(nadir.nadir_session_write, predict, x, UNSEEN)
check(nadir.nadir_forward(predict))
print(("\nprediction for x = %g: %.9g (3x + 2 = %g)"):format(UNSEEN, get(nadir.nadir_session_read, predict, y),
  3 * UNSEEN + 2))
