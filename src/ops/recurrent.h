// Recurrent layers, unrolled: their length is a constant, and every step is in the graph.
#pragma once

#include "base/options.h"
#include "ops/expr.h"

namespace nadir {

enum class Cell { kRnn, kGru, kLstm };

// What a caller may give besides x; each may be none.
struct RecurrentInputs {
  Expr h0;
  Expr c0;  // of an LSTM
  Expr mask;
};

struct RecurrentOutputs {
  Expr y;
  Expr h_n;
  Expr c_n;  // of an LSTM
};

// A null name is derived.
RecurrentOutputs recurrent(Cell cell, const char* name, Expr x, const RecurrentInputs& inputs, std::int64_t hidden_size,
                           Options& options);

}  // namespace nadir
