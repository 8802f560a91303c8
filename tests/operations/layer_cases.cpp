// Layers and attention, in their options and layouts. The references are plain loops over the formulas.
#include <cmath>

#include "cases.h"

namespace operations {

namespace {

using Row = std::vector<double>;

Case layer_case(const std::string& label) {
  Case c;
  c.label = label;
  c.roundings = 64;
  c.floor = 1;
  return c;
}

// A parameter called "layer." and `part`.
Operand made_param(const std::string& part, Shape shape, double low, double high) {
  return {std::move(shape), spread(low, high), 0, "layer." + part};
}

std::size_t size(std::int64_t length) { return static_cast<std::size_t>(length); }

// ---------------------------------------------------------------------------------------------------- normalisation

// Rows of x, each of them normalised; less its mean first, unless its mean square is wanted.
std::vector<Row> normalized(const Array& x, std::size_t row_length, double eps, bool is_centred) {
  std::vector<Row> rows;
  for (std::size_t start = 0; start < x.size(); start += row_length) {
    Row row;
    for (std::size_t i = 0; i < row_length; ++i) row.push_back(x.storage()[start + i]);
    const auto n = static_cast<double>(row_length);
    double mean = 0, square = 0;
    for (const double value : row) mean += value / n;
    if (is_centred) {
      for (double& value : row) value -= mean;
    }
    for (const double value : row) square += value * value / n;
    for (double& value : row) value /= std::sqrt(square + eps);
    rows.push_back(row);
  }
  return rows;
}

// y of rows: each element times its weight and plus its bias, if they are there, whose number is `which` of (row, place).
Array scaled(const Array& x, const std::vector<Row>& rows, const Arrays& params,
             const std::function<std::size_t(std::size_t row, std::size_t place)>& which) {
  Array y = x;
  std::size_t at = 0;
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t place = 0; place < rows[row].size(); ++place) {
      double value = rows[row][place];
      if (params.size() > 1) value *= params[1].storage()[which(row, place)];
      if (params.size() > 2) value += params[2].storage()[which(row, place)];
      y.storage()[at++] = value;
    }
  }
  return y;
}

using LastBuilder = nadir_node (*)(nadir_graph*, const char*, nadir_node, std::int32_t, const char*);

void add_last(Cases& cases, const std::string& name, LastBuilder build, bool is_centred, const Shape& shape,
              std::int32_t dims, const char* options, int params, double eps) {
  Case c = layer_case(name + (options ? std::string(", ") + options : ""));
  c.operands = {{shape, spread(-1, 1.5), 0, {}}};
  const Shape last(shape.end() - dims, shape.end());
  if (params > 0) c.operands.push_back(made_param("weight", last, -1.5, 1));
  if (params > 1) c.operands.push_back(made_param("bias", last, -2, 1));
  c.build = [=](const Scope& scope, const Nodes& x) { return build(scope.graph, "layer", x[0], dims, options); };
  c.reference = [=](const Arrays& x) {
    std::size_t length = 1;
    for (const std::int64_t one : last) length *= size(one);
    return scaled(x[0], normalized(x[0], length, eps, is_centred), x,
                  [](std::size_t, std::size_t place) { return place; });
  };
  cases.push_back(std::move(c));
}

void add_groups(Cases& cases, const Shape& shape, std::int64_t groups, const char* options, bool is_affine, double eps,
                bool is_instance) {
  Case c = layer_case(std::string(is_instance ? "instance_norm" : "group_norm") +
                      (options ? std::string(", ") + options : ""));
  c.operands = {{shape, spread(-1, 1.5), 0, {}}};
  if (is_affine) {
    c.operands.push_back(made_param("weight", {shape[1]}, -1.5, 1));
    c.operands.push_back(made_param("bias", {shape[1]}, -2, 1));
  }
  c.build = [=](const Scope& scope, const Nodes& x) {
    return is_instance ? nadir_instance_norm_add(scope.graph, "layer", x[0], options)
                       : nadir_group_norm_add(scope.graph, "layer", x[0], groups, options);
  };
  c.reference = [=](const Arrays& x) {
    std::size_t rest = 1;
    for (std::size_t axis = 2; axis < shape.size(); ++axis) rest *= size(shape[axis]);
    const std::size_t in_group = size(shape[1]) / size(groups);
    return scaled(x[0], normalized(x[0], in_group * rest, eps, true), x,
                  [=](std::size_t row, std::size_t place) { return row % size(groups) * in_group + place / rest; });
  };
  cases.push_back(std::move(c));
}

// ------------------------------------------------------------------------------------------------------- recurrence

enum class Cell { kRnn, kGru, kLstm };

struct Recurrence {
  Cell cell;
  std::int64_t length, batch, features, hidden;  // a batch of 0: none
  bool batch_first = false, is_bidirectional = false, has_bias = true, is_relu = false;
  int layers = 1;
  bool has_states = false, has_mask = false;

  [[nodiscard]] std::int64_t gates() const { return cell == Cell::kRnn ? 1 : cell == Cell::kGru ? 3 : 4; }
  [[nodiscard]] std::int64_t directions() const { return is_bidirectional ? 2 : 1; }
  [[nodiscard]] Shape sequence(std::int64_t last) const {
    Shape shape = {length};
    if (batch != 0) shape.insert(batch_first ? shape.begin() : shape.end(), batch);
    if (last > 0) shape.push_back(last);
    return shape;
  }
  [[nodiscard]] Shape state() const {
    Shape shape = {layers * directions(), hidden};
    if (batch != 0) shape.insert(shape.begin() + 1, batch);
    return shape;
  }
  // The place of a step of a row in a sequence.
  [[nodiscard]] std::size_t place(std::size_t t, std::size_t n, std::size_t rows) const {
    return batch_first && batch != 0 ? n * size(length) + t : t * rows + n;
  }
};

double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }

// weight · x + bias
Row mapped_row(const Array& weight, const Row& x, const Array* bias) {
  Row y(weight.shape()[0], 0);
  for (std::size_t i = 0; i < y.size(); ++i) {
    for (std::size_t j = 0; j < x.size(); ++j) y[i] += at(weight, {i, j}) * x[j];
    if (bias) y[i] += at(*bias, {i});
  }
  return y;
}

void advance(const Recurrence& r, const Row& x, const Row& s, Row& h, Row& c) {
  const std::size_t n = size(r.hidden);
  for (std::size_t i = 0; i < n; ++i) {
    if (r.cell == Cell::kRnn) {
      const double sum = x[i] + s[i];
      h[i] = r.is_relu ? std::fmax(sum, 0) : std::tanh(sum);
    } else if (r.cell == Cell::kGru) {
      const double reset = sigmoid_of(x[i] + s[i]), update = sigmoid_of(x[n + i] + s[n + i]);
      h[i] = (1 - update) * std::tanh(x[2 * n + i] + reset * s[2 * n + i]) + update * h[i];
    } else {
      const auto gate = [&](std::size_t number) { return x[number * n + i] + s[number * n + i]; };
      c[i] = sigmoid_of(gate(1)) * c[i] + sigmoid_of(gate(0)) * std::tanh(gate(2));
      h[i] = sigmoid_of(gate(3)) * std::tanh(c[i]);
    }
  }
}

// y, h_n and c_n, one after the other.
Array run(const Recurrence& r, const Arrays& operands) {
  auto next = operands.begin();
  const Array& x = *next++;
  const bool is_lstm = r.cell == Cell::kLstm;
  const Array* h0 = r.has_states ? &*next++ : nullptr;
  const Array* c0 = r.has_states && is_lstm ? &*next++ : nullptr;
  const Array* mask = r.has_mask ? &*next++ : nullptr;
  const std::size_t length = size(r.length), hidden = size(r.hidden), features = x.shape().back();
  const std::size_t rows = x.size() / (length * features);

  std::vector<Row> sequence(length * rows);
  for (std::size_t i = 0; i < x.size(); ++i) sequence[i / features].push_back(x.storage()[i]);
  Row final_h, final_c;
  std::size_t number = 0;  // of the layer's direction
  for (int layer = 0; layer < r.layers; ++layer) {
    std::vector<Row> ys(length * rows);
    for (int direction = 0; direction < r.directions(); ++direction, ++number) {
      const Array& weight_x = *next++;
      const Array& weight_h = *next++;
      const Array* bias_x = r.has_bias ? &*next++ : nullptr;
      const Array* bias_h = r.has_bias ? &*next++ : nullptr;
      for (std::size_t n = 0; n < rows; ++n) {
        const auto initial = [&](const Array* from) {
          Row row(hidden, 0);
          for (std::size_t i = 0; from && i < hidden; ++i) row[i] = from->storage()[(number * rows + n) * hidden + i];
          return row;
        };
        Row h = initial(h0), c = initial(c0);
        for (std::size_t step = 0; step < length; ++step) {
          const std::size_t place = r.place(direction == 1 ? length - 1 - step : step, n, rows);
          const bool counts = !mask || mask->storage()[place] != 0;
          if (counts) advance(r, mapped_row(weight_x, sequence[place], bias_x), mapped_row(weight_h, h, bias_h), h, c);
          for (const double value : h) ys[place].push_back(counts ? value : 0);
        }
        final_h.insert(final_h.end(), h.begin(), h.end());
        final_c.insert(final_c.end(), c.begin(), c.end());
      }
    }
    sequence = ys;
  }
  Row all;
  for (const Row& row : sequence) all.insert(all.end(), row.begin(), row.end());
  all.insert(all.end(), final_h.begin(), final_h.end());
  if (is_lstm) all.insert(all.end(), final_c.begin(), final_c.end());
  return vector_of(all);
}

// Several nodes as one vector, so that a case looks at them all.
nadir_node joined(nadir_graph* graph, const Nodes& nodes) {
  Nodes flat;
  for (const nadir_node node : nodes) flat.push_back(nadir_flatten(graph, node, 0, -1));
  return nadir_concat(graph, flat.data(), static_cast<std::int32_t>(flat.size()), 0);
}

std::string options_of(const Recurrence& r) {
  std::string text;
  if (r.layers > 1) text += "num_layers=" + std::to_string(r.layers);
  if (r.batch_first) text += " batch_first=1";
  if (r.is_bidirectional) text += " bidirectional=1";
  if (!r.has_bias) text += " bias=0";
  if (r.is_relu) text += " nonlinearity=relu";
  return text;
}

Case recurrent_case(const char* name, const Recurrence& r) {
  Case c = layer_case(name + std::string(" ") + options_of(r) + (r.has_mask ? ", masked" : ""));
  c.needs_rows = true;
  // The states are joined along the batch, and nothing along nothing has no dtype of a batch.
  c.operands = {{r.sequence(r.features), spread(-1, 1.25), 0, {}}};
  if (r.has_states) c.operands.push_back({r.state(), spread(-0.75, 1), 0, {}});
  if (r.has_states && r.cell == Cell::kLstm) c.operands.push_back({r.state(), spread(-1, 0.5), 0, {}});
  if (r.has_mask) c.operands.push_back(mask_operand(r.sequence(0)));
  for (int layer = 0; layer < r.layers; ++layer) {
    for (const char* direction : {"", "_reverse"}) {
      if (*direction && !r.is_bidirectional) continue;
      const std::string end = "_l" + std::to_string(layer) + direction;
      const std::int64_t in = layer == 0 ? r.features : r.directions() * r.hidden, out = r.gates() * r.hidden;
      c.operands.push_back(made_param("weight_ih" + end, {out, in}, -0.75, 0.5));
      c.operands.push_back(made_param("weight_hh" + end, {out, r.hidden}, -0.5, 0.75));
      if (!r.has_bias) continue;
      c.operands.push_back(made_param("bias_ih" + end, {out}, -0.25, 0.5));
      c.operands.push_back(made_param("bias_hh" + end, {out}, -0.5, 0.375));
    }
  }
  c.build = [r](const Scope& scope, const Nodes& x) {
    const bool is_lstm = r.cell == Cell::kLstm;
    std::size_t next = 1;
    const nadir_node h0 = r.has_states ? x[next++] : NADIR_NONE;
    const nadir_node c0 = r.has_states && is_lstm ? x[next++] : NADIR_NONE;
    const nadir_node mask = r.has_mask ? x[next++] : NADIR_NONE;
    const std::string options = options_of(r);
    nadir_node h_n = NADIR_NONE, c_n = NADIR_NONE, y = NADIR_NONE;
    switch (r.cell) {
      case Cell::kRnn: y = nadir_rnn_add(scope.graph, "layer", x[0], h0, mask, r.hidden, options.c_str(), &h_n); break;
      case Cell::kGru: y = nadir_gru_add(scope.graph, "layer", x[0], h0, mask, r.hidden, options.c_str(), &h_n); break;
      case Cell::kLstm:
        y = nadir_lstm_add(scope.graph, "layer", x[0], h0, c0, mask, r.hidden, options.c_str(), &h_n, &c_n);
        break;
    }
    return joined(scope.graph, is_lstm ? Nodes{y, h_n, c_n} : Nodes{y, h_n});
  };
  c.reference = [r](const Arrays& x) { return run(r, x); };
  return c;
}

Cases recurrent(const char* name, Cell cell) {
  std::vector<Recurrence> all = {
      {cell, 3, 2, 3, 2},
      {cell, 1, 1, 1, 1},
      {cell, 3, 0, 2, 2},  // without a batch
      {cell, 2, kBatch, 3, 2},
  };
  Recurrence r = {cell, 3, kBatch, 2, 2};
  r.batch_first = true;
  r.has_mask = r.has_states = true;
  all.push_back(r);
  r = {cell, 3, 2, 2, 2};
  r.is_bidirectional = r.has_mask = true;
  all.push_back(r);
  r = {cell, 2, 2, 3, 1};
  r.layers = 2;
  r.is_bidirectional = r.has_states = true;
  r.has_bias = false;
  all.push_back(r);
  r = {cell, 3, 0, 2, 2};
  r.has_mask = r.has_states = r.batch_first = true;
  r.layers = 2;
  all.push_back(r);
  if (cell == Cell::kRnn) {
    r = {cell, 3, 2, 3, 2};
    r.is_relu = true;
    all.push_back(r);
  }
  Cases cases;
  for (const Recurrence& one : all) cases.push_back(recurrent_case(name, one));
  return cases;
}

// -------------------------------------------------------------------------------------------------------- attention

// What a query pays to each key, from its scores: a key that does not count gets nothing.
Row softmax_of(const Row& scores, const std::vector<bool>& counts) {
  Row weights(scores.size(), 0);
  double sum = 0;
  for (std::size_t i = 0; i < scores.size(); ++i) {
    if (counts[i]) sum += weights[i] = std::exp(scores[i]);
  }
  for (double& weight : weights) weight = sum > 0 ? weight / sum : 0;
  return weights;
}

enum class Mask { kNone, kTruths, kNumbers };

Operand attention_mask(Mask kind, const Shape& shape) {
  if (kind == Mask::kNumbers) return {shape, spread(-1, 1.5), 0, {}};
  return mask_operand(shape);
}

// The index of an element of x that broadcasts to `leading`, with its last two numbers.
Index broadcast_index(const Array& x, const Index& leading, std::size_t row, std::size_t column) {
  Index index;
  const std::size_t rank = x.dimension();
  for (std::size_t axis = 0; axis + 2 < rank; ++axis) {
    index.push_back(x.shape()[axis] == 1 ? 0 : leading[leading.size() + 2 - rank + axis]);
  }
  index.push_back(x.shape()[rank - 2] == 1 ? 0 : row);
  index.push_back(x.shape()[rank - 1] == 1 ? 0 : column);
  return index;
}

Case dot_product_case(const Shape& query, const Shape& key, const Shape& value, const Shape& y, Mask kind,
                      const Shape& mask, const char* options, double factor, bool is_causal) {
  Case c = layer_case(std::string("attention ") + (options ? options : ""));
  c.operands = {{query, spread(-1, 1.25), 0, {}}, {key, spread(-1.5, 1), 0, {}}, {value, spread(-1, 2), 0, {}}};
  if (kind != Mask::kNone) c.operands.push_back(attention_mask(kind, mask));
  c.build = [=](const Scope& scope, const Nodes& x) {
    return nadir_scaled_dot_product_attention(scope.graph, x[0], x[1], x[2], kind == Mask::kNone ? NADIR_NONE : x[3],
                                              options);
  };
  c.reference = [=](const Arrays& x) {
    const std::size_t keys = x[1].shape()[x[1].dimension() - 2], features = x[0].shape().back();
    Shape shape = y;
    // The batch, if there is one, is the first dimension.
    if (shape[0] == kBatch) shape[0] = shape_of(x[0])[0];
    Index current;  // the row whose weights these are
    Row weights;
    return generate(shape, [&](const Index& index) {
      const auto sum = [&] {
        double total = 0;
        const Index leading(index.begin(), index.end() - 2);
        for (std::size_t k = 0; k < keys; ++k)
          total += weights[k] * at(x[2], broadcast_index(x[2], leading, k, index.back()));
        return total;
      };
      if (Index(index.begin(), index.end() - 1) == current) return sum();
      current.assign(index.begin(), index.end() - 1);
      const Index leading(index.begin(), index.end() - 2);
      const std::size_t row = index[index.size() - 2];
      Row scores;
      std::vector<bool> counts;
      for (std::size_t k = 0; k < keys; ++k) {
        double score = 0;
        // A size of 1 is no broadcast one here.
        for (std::size_t f = 0; f < features; ++f) {
          score += at(x[0], broadcast_index(x[0], leading, row, f)) * at(x[1], broadcast_index(x[1], leading, k, f));
        }
        score *= factor;
        const double in_mask = kind == Mask::kNone ? 1 : at(x[3], broadcast_index(x[3], leading, row, k));
        if (kind == Mask::kNumbers) score += in_mask;
        scores.push_back(score);
        counts.push_back((kind != Mask::kTruths || in_mask != 0) && (!is_causal || k <= row));
      }
      weights = softmax_of(scores, counts);
      return sum();
    });
  };
  return c;
}

struct MultiHead {
  std::int64_t queries, keys, batch, size, key_size, value_size, heads;  // a batch of 0: none
  bool batch_first = false, has_bias = true, has_padding = false, is_causal = false, is_average = true;
  Mask mask = Mask::kNone;
  bool is_mask_by_head = false;

  [[nodiscard]] Shape sequence(std::int64_t length, std::int64_t last) const {
    Shape shape = {length, last};
    if (batch != 0) shape.insert(shape.begin() + (batch_first ? 0 : 1), batch);
    return shape;
  }
};

// The rows of a sequence, mapped linearly by the rows of a weight from `first` on: [row of the batch][step].
std::vector<std::vector<Row>> projected(const MultiHead& m, const Array& x, const Array& weight, std::size_t first,
                                        const Array* bias, std::size_t first_bias) {
  const std::size_t features = x.shape().back(), n = size(m.size);
  const std::size_t length = m.batch == 0 ? x.shape()[0] : x.shape()[m.batch_first ? 1 : 0];
  const std::size_t rows = x.size() / (features * length);
  std::vector<std::vector<Row>> all(rows, std::vector<Row>(length, Row(n, 0)));
  for (std::size_t b = 0; b < rows; ++b) {
    for (std::size_t t = 0; t < length; ++t) {
      const std::size_t place = m.batch_first ? b * length + t : t * rows + b;
      for (std::size_t i = 0; i < n; ++i) {
        double sum = bias ? at(*bias, {first_bias + i}) : 0;
        for (std::size_t f = 0; f < features; ++f)
          sum += at(weight, {first + i, f}) * x.storage()[place * features + f];
        all[b][t][i] = sum;
      }
    }
  }
  return all;
}

// y and the weights, one after the other.
Array run(const MultiHead& m, const Arrays& x) {
  auto next = x.begin() + 3;
  const Array* padding = m.has_padding ? &*next++ : nullptr;
  const Array* mask = m.mask != Mask::kNone ? &*next++ : nullptr;
  const bool is_packed = m.key_size == m.size && m.value_size == m.size;
  const std::size_t n = size(m.size), heads = size(m.heads), part = n / heads;
  const Array* weights[3];
  for (int i = 0; i < 3; ++i) weights[i] = is_packed && i > 0 ? weights[0] : &*next++;
  const Array& out_weight = *next++;
  const Array* in_bias = m.has_bias ? &*next++ : nullptr;
  const Array* out_bias = m.has_bias ? &*next++ : nullptr;
  std::vector<std::vector<Row>> qkv[3];
  for (std::size_t i = 0; i < 3; ++i) qkv[i] = projected(m, x[i], *weights[i], is_packed ? i * n : 0, in_bias, i * n);

  const std::size_t rows = qkv[0].size(), queries = size(m.queries), keys = size(m.keys);
  Array y = x[0];
  const std::size_t shown = m.is_average ? 1 : heads;
  Row told(rows * shown * queries * keys, 0);
  for (std::size_t b = 0; b < rows; ++b) {
    for (std::size_t q = 0; q < queries; ++q) {
      Row joined(n, 0);
      for (std::size_t head = 0; head < heads; ++head) {
        Row scores;
        std::vector<bool> counts;
        for (std::size_t k = 0; k < keys; ++k) {
          double score = 0;
          for (std::size_t i = head * part; i < (head + 1) * part; ++i) score += qkv[0][b][q][i] * qkv[1][b][k][i];
          score /= std::sqrt(static_cast<double>(part));
          const std::size_t matrix = m.is_mask_by_head ? b * heads + head : 0;
          const double in_mask = mask ? mask->storage()[(matrix * queries + q) * keys + k] : 0;
          const bool is_padding = padding && padding->storage()[b * keys + k] != 0;
          if (m.mask == Mask::kNumbers) score += in_mask;
          scores.push_back(score);
          counts.push_back(!is_padding && (m.mask != Mask::kTruths || in_mask == 0) && (!m.is_causal || k <= q));
        }
        const Row paid = softmax_of(scores, counts);
        for (std::size_t k = 0; k < keys; ++k) {
          for (std::size_t i = head * part; i < (head + 1) * part; ++i) joined[i] += paid[k] * qkv[2][b][k][i];
          const std::size_t place = m.is_average ? b : b * heads + head;
          told[(place * queries + q) * keys + k] += paid[k] / static_cast<double>(m.is_average ? heads : 1);
        }
      }
      const Row result = mapped_row(out_weight, joined, out_bias);
      const std::size_t place = m.batch_first ? b * queries + q : q * rows + b;
      for (std::size_t i = 0; i < n; ++i) y.storage()[place * n + i] = result[i];
    }
  }
  Row all(y.storage().begin(), y.storage().end());
  all.insert(all.end(), told.begin(), told.end());
  return vector_of(all);
}

Case multi_head_case(const MultiHead& m) {
  std::string options = m.batch_first ? "batch_first=1" : "";
  if (!m.has_bias) options += " bias=0";
  if (m.is_causal) options += " is_causal=1";
  if (!m.is_average) options += " average_attn_weights=0";
  Case c = layer_case("multi_head_attention " + options);
  c.operands = {{m.sequence(m.queries, m.size), spread(-1, 1.25), 0, {}},
                {m.sequence(m.keys, m.key_size), spread(-1.5, 1), 0, {}},
                {m.sequence(m.keys, m.value_size), spread(-1, 2), 0, {}}};
  if (m.has_padding) c.operands.push_back(mask_operand(m.batch == 0 ? Shape{m.keys} : Shape{m.batch, m.keys}));
  Shape mask = {m.queries, m.keys};
  if (m.is_mask_by_head) mask.insert(mask.begin(), (m.batch == 0 ? 1 : m.batch) * m.heads);
  if (m.mask != Mask::kNone) c.operands.push_back(attention_mask(m.mask, mask));
  if (m.key_size == m.size && m.value_size == m.size) {
    c.operands.push_back(made_param("in_proj_weight", {3 * m.size, m.size}, -0.75, 0.5));
  } else {
    c.operands.push_back(made_param("q_proj_weight", {m.size, m.size}, -0.75, 0.5));
    c.operands.push_back(made_param("k_proj_weight", {m.size, m.key_size}, -0.5, 0.75));
    c.operands.push_back(made_param("v_proj_weight", {m.size, m.value_size}, -1, 0.75));
  }
  c.operands.push_back(made_param("out_proj.weight", {m.size, m.size}, -1, 1));
  if (m.has_bias) {
    c.operands.push_back(made_param("in_proj_bias", {3 * m.size}, -0.5, 0.25));
    c.operands.push_back(made_param("out_proj.bias", {m.size}, -1, 0.5));
  }
  c.build = [m, options](const Scope& scope, const Nodes& x) {
    std::size_t next = 3;
    const nadir_node padding = m.has_padding ? x[next++] : NADIR_NONE;
    const nadir_node attn_mask = m.mask != Mask::kNone ? x[next++] : NADIR_NONE;
    nadir_node weights = NADIR_NONE;
    const nadir_node y = nadir_multi_head_attention_add(scope.graph, "layer", x[0], x[1], x[2], padding, attn_mask,
                                                        m.heads, options.c_str(), &weights);
    return joined(scope.graph, {y, weights});
  };
  c.reference = [m](const Arrays& x) { return run(m, x); };
  return c;
}

}  // namespace

namespace cases {

Cases layer_norm() {
  Cases cases;
  for (const Shape& shape :
       {Shape{3}, Shape{2, 3}, Shape{0, 3}, Shape{5, 17}, Shape{2, 2, 3}, Shape{kBatch, 4}, Shape{2, kBatch, 3}}) {
    add_last(cases, "layer_norm", nadir_layer_norm_add, true, shape, 1, nullptr, 2, 1e-5);
  }
  const Shape shape = {kBatch, 2, 3};
  add_last(cases, "layer_norm", nadir_layer_norm_add, true, shape, 2, nullptr, 2, 1e-5);
  add_last(cases, "layer_norm", nadir_layer_norm_add, true, shape, 2, "bias=0", 1, 1e-5);
  add_last(cases, "layer_norm", nadir_layer_norm_add, true, shape, 2, "elementwise_affine=0", 0, 1e-5);
  add_last(cases, "layer_norm", nadir_layer_norm_add, true, shape, 1, "eps=0.5", 2, 0.5);
  add_last(cases, "layer_norm", nadir_layer_norm_add, true, {2, 3}, 2, "eps=0.125 bias=1", 2, 0.125);
  return cases;
}

Cases rms_norm() {
  Cases cases;
  for (const Shape& shape : {Shape{3}, Shape{2, 3}, Shape{5, 17}, Shape{kBatch, 4}, Shape{2, kBatch, 3}}) {
    add_last(cases, "rms_norm", nadir_rms_norm_add, false, shape, 1, nullptr, 1, 0);
  }
  add_last(cases, "rms_norm", nadir_rms_norm_add, false, {kBatch, 2, 3}, 2, "eps=0.5", 1, 0.5);
  add_last(cases, "rms_norm", nadir_rms_norm_add, false, {2, 3}, 1, "elementwise_affine=0", 0, 0);
  return cases;
}

Cases group_norm() {
  Cases cases;
  add_groups(cases, {2, 4}, 2, nullptr, true, 1e-5, false);
  add_groups(cases, {0, 4}, 2, nullptr, true, 1e-5, false);
  add_groups(cases, {2, 3, 2}, 1, nullptr, true, 1e-5, false);
  add_groups(cases, {2, 4, 2, 3}, 2, nullptr, true, 1e-5, false);
  add_groups(cases, {kBatch, 4, 3}, 2, nullptr, true, 1e-5, false);
  add_groups(cases, {kBatch, 4, 3}, 4, "affine=0", false, 1e-5, false);
  add_groups(cases, {2, 6, 2}, 3, "eps=0.5", true, 0.5, false);
  return cases;
}

// By the statistics of the batch, or in evaluation by running ones, which are 0 and 1 at first.
Cases batch_norm() {
  Cases cases;
  for (const Shape& shape : {Shape{4, 3}, Shape{2, 2, 3}, Shape{2, 2, 1, 3}, Shape{kBatch, 2, 4}}) {
    for (const bool is_affine : {true, false}) {
      for (const bool is_running : {true, false}) {
        Case c = layer_case(is_running ? "batch_norm" : "batch_norm without running statistics");
        const std::int64_t channels = shape[1];
        c.operands = {{shape, spread(-1, 1), 0, {}}};
        if (is_affine) c.operands.push_back(made_param("weight", {channels}, 0.5, 2));
        if (is_affine) c.operands.push_back(made_param("bias", {channels}, -1, 1));
        c.batches = {2, 5};
        c.needs_rows = true;
        c.is_random = is_running;
        std::string options = is_affine ? "eps=0.25" : "eps=0.25 affine=0";
        if (!is_running) options += " track_running_stats=0";
        c.build = [options](const Scope& scope, const Nodes& x) {
          return nadir_batch_norm_add(scope.graph, "layer", x[0], options.c_str());
        };
        c.reference = [=](const Arrays& x) {
          const auto by_channel = static_cast<std::size_t>(channels);
          const std::size_t inner = x[0].size() / x[0].shape()[0] / by_channel;
          std::vector<Row> rows(by_channel);
          const auto channel_of = [&](std::size_t i) { return i / inner % by_channel; };
          for (std::size_t i = 0; i < x[0].size(); ++i) rows[channel_of(i)].push_back(x[0].storage()[i]);
          Array y = x[0];
          for (std::size_t i = 0; i < y.size(); ++i) {
            const Row& row = rows[channel_of(i)];
            double mean = 0, square = 0;
            for (const double value : row) mean += value / static_cast<double>(row.size());
            for (const double value : row) square += (value - mean) * (value - mean) / static_cast<double>(row.size());
            if (is_running) mean = 0, square = 1;
            y.storage()[i] = (y.storage()[i] - mean) / std::sqrt(square + 0.25);
            if (is_affine)
              y.storage()[i] = y.storage()[i] * x[1].storage()[channel_of(i)] + x[2].storage()[channel_of(i)];
          }
          return y;
        };
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

Cases instance_norm() {
  Cases cases;
  add_groups(cases, {2, 3, 4}, 3, nullptr, false, 1e-5, true);
  add_groups(cases, {2, 2, 2, 3}, 2, "affine=1", true, 1e-5, true);
  add_groups(cases, {kBatch, 2, 3}, 2, "affine=1 eps=0.25", true, 0.25, true);
  return cases;
}

Cases embedding() {
  Cases cases;
  for (const Shape& shape :
       {Shape{}, Shape{3}, Shape{0}, Shape{2, 3}, Shape{kBatch}, Shape{kBatch, 2}, Shape{3, kBatch}}) {
    for (const nadir_dtype dtype : {NADIR_I32, NADIR_I64}) {
      for (const bool has_padding : {false, true}) {
        Case c = layer_case(has_padding ? "embedding with padding" : "embedding");
        c.roundings = 0;
        // What is the padding is never asked for: its gradient is none, though the value changes with it.
        c.operands = {index_operand(shape, {2, 0, 3, 2}, dtype), made_param("weight", {5, 3}, -1, 1.5)};
        c.build = [has_padding](const Scope& scope, const Nodes& x) {
          const std::string options =
              std::string(scope.dtype == NADIR_F64 ? "dtype=f64" : "") + (has_padding ? " padding_idx=1" : "");
          return nadir_embedding_add(scope.graph, "layer", x[0], 5, 3, options.c_str());
        };
        c.reference = [](const Arrays& x) {
          Shape result = shape_of(x[0]);
          result.push_back(3);
          return generate(result, [&](const Index& index) {
            const double row = at(x[0], Index(index.begin(), index.end() - 1));
            return at(x[1], {static_cast<std::size_t>(row), index.back()});
          });
        };
        cases.push_back(std::move(c));
      }
    }
  }
  return cases;
}

Cases rnn() { return recurrent("rnn", Cell::kRnn); }
Cases gru() { return recurrent("gru", Cell::kGru); }
Cases lstm() { return recurrent("lstm", Cell::kLstm); }

Cases scaled_dot_product_attention() {
  const double half = 1 / std::sqrt(2.0), third = 1 / std::sqrt(3.0);
  Cases cases;
  cases.push_back(dot_product_case({2, 3}, {4, 3}, {4, 2}, {2, 2}, Mask::kNone, {}, nullptr, third, false));
  cases.push_back(
      dot_product_case({2, 3, 2}, {2, 3, 2}, {2, 3, 2}, {2, 3, 2}, Mask::kNone, {}, "is_causal=1", half, true));
  cases.push_back(dot_product_case({2, 2, 3, 2}, {2, 1, 2, 2}, {2, 2, 3}, {2, 2, 3, 3}, Mask::kNone, {}, "scale=0.25",
                                   0.25, false));
  // Of two queries the second has no key.
  Case none = dot_product_case({2, 2}, {3, 2}, {3, 2}, {2, 2}, Mask::kTruths, {2, 3}, nullptr, half, false);
  none.operands[3].samples = in_turn({0, 7, 1, 0, 0, 0});
  cases.push_back(none);
  cases.push_back(
      dot_product_case({2, 3, 2}, {2, 4, 2}, {2, 4, 2}, {2, 3, 2}, Mask::kTruths, {2, 1, 4}, nullptr, half, false));
  cases.push_back(
      dot_product_case({2, 3, 2}, {2, 4, 2}, {2, 4, 2}, {2, 3, 2}, Mask::kNumbers, {3, 4}, nullptr, half, false));
  cases.push_back(dot_product_case({kBatch, 3, 2}, {kBatch, 3, 2}, {kBatch, 3, 2}, {kBatch, 3, 2}, Mask::kTruths,
                                   {3, 3}, "is_causal=1", half, true));
  cases.push_back(dot_product_case({kBatch, 3, 2}, {4, 2}, {4, 3}, {kBatch, 3, 3}, Mask::kNumbers, {kBatch, 3, 4},
                                   "is_causal=1 scale=1", 1, true));
  // So large that blocks of products are left out, with more queries than keys and fewer.
  cases.push_back(dot_product_case({66, 33}, {34, 33}, {34, 33}, {66, 33}, Mask::kNone, {}, "is_causal=1 scale=0.125",
                                   0.125, true));
  cases.push_back(
      dot_product_case({2, 40, 2}, {70, 2}, {2, 70, 3}, {2, 40, 3}, Mask::kTruths, {70}, "is_causal=1", half, true));
  return cases;
}

Cases multi_head_attention() {
  Cases cases;
  cases.push_back(multi_head_case({3, 2, 2, 4, 4, 4, 2}));
  MultiHead m = {2, 3, 0, 2, 3, 1, 1};
  cases.push_back(multi_head_case(m));
  m = {2, 2, kBatch, 4, 4, 4, 2};
  m.batch_first = m.is_causal = true;
  m.is_average = false;
  cases.push_back(multi_head_case(m));
  m = {2, 3, kBatch, 2, 2, 2, 2};
  m.has_padding = true;
  m.has_bias = false;
  cases.push_back(multi_head_case(m));
  m = {2, 3, 2, 4, 3, 4, 2};
  m.has_padding = m.is_mask_by_head = true;
  m.mask = Mask::kTruths;
  cases.push_back(multi_head_case(m));
  m = {2, 3, kBatch, 2, 2, 2, 2};
  m.batch_first = m.is_mask_by_head = true;
  m.mask = Mask::kNumbers;
  cases.push_back(multi_head_case(m));
  m = {3, 3, 0, 2, 2, 2, 2};
  m.has_padding = m.is_causal = true;
  m.mask = Mask::kTruths;
  cases.push_back(multi_head_case(m));
  return cases;
}

}  // namespace cases

}  // namespace operations
