// Operations on results of operations, where one could be computed in another's memory, or read where it was: each is
// right if nothing was overwritten too early and nothing read too late. References and checks are those of single
// operations.
#include <cmath>

#include "cases.h"
#include "suite.h"

namespace {

using namespace operations;  // NOLINT: a test

Case composition(const char* label, std::vector<Shape> shapes, Build build, Reference reference) {
  Case c;
  c.label = label;
  // Other numbers in each operand, lest one is taken for another.
  double low = -1.5;
  for (const Shape& shape : shapes) c.operands.push_back({shape, spread(low += 0.25, 1.5), 0, {}});
  c.build = std::move(build);
  c.reference = std::move(reference);
  c.roundings = 64;
  c.floor = 1;
  return c;
}

double row(const Array& x, std::size_t i, std::size_t j) { return at(x, {i, j}); }

nadir_node set(const Scope& s, nadir_node x, std::int32_t axis, std::int64_t start, std::int64_t stop,
               nadir_node value) {
  return nadir_slice_set(s.graph, x, axis, start, stop, 1, value);
}

nadir_node exchanged(const Scope& s, nadir_node x) { return nadir_transpose(s.graph, x, 0, 1); }

// ------------------------------------------------------------------------------------- what is set in other results

// exp's gradient needs its value, of which a part is replaced.
Cases set_of_a_value_that_backward_needs() {
  return {composition(
      "slice_set of exp", {{4, 3}, {2, 3}},
      [](const Scope& s, const Nodes& x) { return set(s, nadir_exp(s.graph, x[0]), 0, 1, 3, x[1]); },
      [](const Arrays& x) {
        return generate({4, 3}, [&](const Index& i) {
          return i[0] == 1 || i[0] == 2 ? row(x[1], i[0] - 1, i[1]) : std::exp(row(x[0], i[0], i[1]));
        });
      })};
}

// The value that is replaced is read again, as itself and through a view.
Cases set_of_a_value_that_is_read_again() {
  const auto reference = [](const Arrays& x) {
    return generate({3, 3}, [&](const Index& i) {
      return (i[0] == 0 ? x[1](i[1]) : std::exp(row(x[0], i[0], i[1]))) * std::exp(row(x[0], i[1], i[0]));
    });
  };
  return {composition(
              "slice_set of exp, and exp", {{3, 3}, {3}},
              [](const Scope& s, const Nodes& x) {
                const nadir_node powers = nadir_exp(s.graph, x[0]);
                return nadir_mul(s.graph, set(s, powers, 0, 0, 1, x[1]), exchanged(s, powers));
              },
              reference),
          composition(
              "slice_set of a view of exp, and exp", {{3, 3}, {3}},
              [](const Scope& s, const Nodes& x) {
                const nadir_node powers = nadir_exp(s.graph, exchanged(s, x[0]));
                return nadir_mul(s.graph, set(s, exchanged(s, powers), 0, 0, 1, x[1]), powers);
              },
              reference)};
}

// A view that repeats its elements has no place for another value in one of them.
Cases set_of_what_was_repeated() {
  return {composition(
      "slice_set of broadcast_to", {{3}, {1}},
      [](const Scope& s, const Nodes& x) {
        const Shape shape = {4, 3};
        return set(s, nadir_broadcast_to(s.graph, nadir_exp(s.graph, x[0]), shape.data(), 2), 1, 1, 2, x[1]);
      },
      [](const Arrays& x) {
        return generate({4, 3}, [&](const Index& i) { return i[1] == 1 ? x[1](0) : std::exp(x[0](i[1])); });
      })};
}

// Of a chain of sets each goes into the memory of the one before, but not where that one is still read.
Cases chains_of_sets() {
  Cases cases = {composition(
      "four sets", {{kBatch, 4}, {kBatch, 1}},
      [](const Scope& s, const Nodes& x) {
        nadir_node state = x[0];
        for (std::int64_t i = 0; i < 4; ++i) {
          const nadir_node before = nadir_slice(s.graph, state, 1, i, i + 1, 1);
          state = set(s, state, 1, i, i + 1, nadir_mul(s.graph, before, x[1]));
        }
        return state;
      },
      [](const Arrays& x) { return Array(x[0] * x[1]); })};
  // x[i] = x[i - 1] * x[i]: products of all before.
  cases.push_back(composition(
      "products in place", {{2, 4}},
      [](const Scope& s, const Nodes& x) {
        nadir_node state = nadir_tanh(s.graph, x[0]);
        for (std::int64_t i = 1; i < 4; ++i) {
          const nadir_node left = nadir_slice(s.graph, state, 1, i - 1, i, 1);
          const nadir_node right = nadir_slice(s.graph, state, 1, i, i + 1, 1);
          state = set(s, state, 1, i, i + 1, nadir_mul(s.graph, left, right));
        }
        return state;
      },
      [](const Arrays& x) {
        return generate({2, 4}, [&](const Index& i) {
          double product = 1;
          for (std::size_t j = 0; j <= i[1]; ++j) product *= std::tanh(row(x[0], i[0], j));
          return product;
        });
      }));
  cases.push_back(composition(
      "a set, and what it was made of", {{3}, {1}},
      [](const Scope& s, const Nodes& x) {
        const nadir_node first = set(s, nadir_exp(s.graph, x[0]), 0, 0, 1, x[1]);
        const nadir_node second = set(s, first, 0, 1, 2, nadir_square(s.graph, x[1]));
        const nadir_node both[] = {second, first};
        return nadir_concat(s.graph, both, 2, 0);
      },
      [](const Arrays& x) {
        const double v = x[1](0);
        return vector_of({v, v * v, std::exp(x[0](2)), v, std::exp(x[0](1)), std::exp(x[0](2))});
      }));
  return cases;
}

// A set into a concat, from a view of another part of it.
Cases sets_of_what_was_joined() {
  return {composition(
      "slice_set of concat", {{2, 3}, {2, 3}},
      [](const Scope& s, const Nodes& x) {
        const nadir_node both[] = {x[0], nadir_exp(s.graph, x[1])};
        const nadir_node joined = nadir_concat(s.graph, both, 2, 0);
        return set(s, joined, 0, 0, 2, nadir_slice(s.graph, joined, 0, 1, 3, 1));
      },
      [](const Arrays& x) {
        return generate({4, 3}, [&](const Index& i) {
          const std::size_t from = i[0] < 2 ? i[0] + 1 : i[0];
          return from < 2 ? row(x[0], from, i[1]) : std::exp(row(x[1], from - 2, i[1]));
        });
      })};
}

// -------------------------------------------------------------------------------------------- what is added by index

Cases additions_in_place() {
  const auto index = [](const Scope& s, std::vector<std::int32_t> numbers) {
    const std::int64_t length = static_cast<std::int64_t>(numbers.size());
    return nadir_constant_add(s.graph, nullptr, NADIR_I32, &length, 1, numbers.data(),
                              numbers.size() * sizeof numbers[0]);
  };
  return {composition(
              "index_add of exp, twice", {{3, 2}, {2, 2}},
              [index](const Scope& s, const Nodes& x) {
                const nadir_node powers = nadir_exp(s.graph, x[0]);
                const nadir_node once = nadir_index_add(s.graph, powers, 0, index(s, {2, 0}), x[1]);
                const nadir_node twice = nadir_index_add(s.graph, once, 0, index(s, {2, 2}), x[1]);
                return nadir_mul(s.graph, twice, powers);
              },
              [](const Arrays& x) {
                return generate({3, 2}, [&](const Index& i) {
                  double sum = std::exp(row(x[0], i[0], i[1]));
                  if (i[0] == 0) sum += row(x[1], 1, i[1]);
                  if (i[0] == 2) sum += 2 * row(x[1], 0, i[1]) + row(x[1], 1, i[1]);
                  return sum * std::exp(row(x[0], i[0], i[1]));
                });
              }),
          // Values that are the very rows to which they are added.
          composition(
              "index_add of rows of the same", {{3, 2}},
              [index](const Scope& s, const Nodes& x) {
                const nadir_node first =
                    nadir_index_add(s.graph, x[0], 0, index(s, {1}), nadir_slice(s.graph, x[0], 0, 0, 1, 1));
                return nadir_index_add(s.graph, first, 0, index(s, {1, 2, 0}), first);
              },
              [](const Arrays& x) {
                return generate({3, 2}, [&](const Index& i) {
                  const double zeroth = row(x[0], 0, i[1]), first = zeroth + row(x[0], 1, i[1]),
                               second = row(x[0], 2, i[1]);
                  return i[0] == 0 ? zeroth + second : i[0] == 1 ? first + zeroth : second + first;
                });
              })};
}

// ------------------------------------------------------------------------------------------------------ views of views

// Across, backwards and by steps, of a result and not of an input.
Cases views_of_results() {
  const auto seen = [](const Scope& s, nadir_node x) {
    const nadir_node across = exchanged(s, nadir_tanh(s.graph, x));                            // [4, 6]
    const nadir_node backwards = nadir_slice(s.graph, across, 1, NADIR_OPEN, NADIR_OPEN, -2);  // [4, 3]
    return nadir_slice(s.graph, backwards, 0, 1, NADIR_OPEN, 1);                               // [3, 3]
  };
  const auto seen_at = [](const Array& x, std::size_t i, std::size_t j) { return std::tanh(row(x, 5 - 2 * j, i + 1)); };
  return {composition(
              "matmul of a view", {{6, 4}, {3, 2}},
              [seen](const Scope& s, const Nodes& x) { return nadir_matmul(s.graph, seen(s, x[0]), x[1], nullptr); },
              [seen_at](const Arrays& x) {
                return generate({3, 2}, [&](const Index& i) {
                  double sum = 0;
                  for (std::size_t k = 0; k < 3; ++k) sum += seen_at(x[0], i[0], k) * row(x[1], k, i[1]);
                  return sum;
                });
              }),
          composition(
              "cumsum of a view", {{6, 4}},
              [seen](const Scope& s, const Nodes& x) { return nadir_cumsum(s.graph, seen(s, x[0]), 0, nullptr); },
              [seen_at](const Arrays& x) {
                return generate({3, 3}, [&](const Index& i) {
                  double sum = 0;
                  for (std::size_t k = 0; k <= i[0]; ++k) sum += seen_at(x[0], k, i[1]);
                  return sum;
                });
              }),
          composition(
              "a reshaped view", {{6, 4}},
              [seen](const Scope& s, const Nodes& x) {
                const Shape flat = {9};
                return nadir_exp(s.graph, nadir_reshape(s.graph, seen(s, x[0]), flat.data(), 1));
              },
              [seen_at](const Arrays& x) {
                return generate({9}, [&](const Index& i) { return std::exp(seen_at(x[0], i[0] / 3, i[0] % 3)); });
              })};
}

// Of a batch that is split, turned about and joined again, with work between.
Cases pieces_of_a_batch() {
  return {composition(
      "halves of a batch exchanged", {{2 * kBatch, 3}},
      [](const Scope& s, const Nodes& x) {
        const std::int64_t lengths[] = {s.rows(kBatch), s.rows(kBatch)};
        nadir_node halves[2];
        const nadir_node powers = nadir_exp(s.graph, x[0]);
        if (nadir_split(s.graph, powers, 0, lengths, 2, halves) != NADIR_OK) return NADIR_NONE;
        const std::int32_t first = 0;
        const nadir_node both[] = {halves[1], nadir_flip(s.graph, nadir_square(s.graph, halves[0]), &first, 1)};
        return nadir_mul(s.graph, nadir_concat(s.graph, both, 2, 0), x[0]);
      },
      [](const Arrays& x) {
        const std::size_t half = x[0].shape()[0] / 2;
        return generate(shape_of(x[0]), [&](const Index& i) {
          const double piece =
              i[0] < half ? std::exp(row(x[0], i[0] + half, i[1])) : std::exp(2 * row(x[0], 2 * half - 1 - i[0], i[1]));
          return piece * row(x[0], i[0], i[1]);
        });
      })};
}

// ---------------------------------------------------------------------------------------------------- whole functions

// What attention is made of, with its mask over the diagonal.
Cases attention() {
  Case c = composition(
      "attention", {{kBatch, 3, 2}, {kBatch, 3, 2}, {kBatch, 3, 2}},
      [](const Scope& s, const Nodes& x) {
        const nadir_node scores = nadir_matmul(s.graph, x[0], x[1], "transpose_b=1");
        const Shape ones = {3, 3};
        const nadir_node full = nadir_full(s.graph, NADIR_U8, ones.data(), 2, 1);
        const nadir_node mask = nadir_tril(s.graph, full, 0);
        const nadir_node none = nadir_full(s.graph, s.dtype, nullptr, 0, -1e30);
        const nadir_node weights = nadir_softmax(s.graph, nadir_where(s.graph, mask, scores, none), -1);
        return nadir_matmul(s.graph, weights, x[2], nullptr);
      },
      [](const Arrays& x) {
        return generate(shape_of(x[0]), [&](const Index& i) {
          double sum = 0, value = 0;
          for (std::size_t k = 0; k <= i[1]; ++k) {
            double score = 0;
            for (std::size_t j = 0; j < 2; ++j) score += at(x[0], {i[0], i[1], j}) * at(x[1], {i[0], k, j});
            sum += std::exp(score);
            value += std::exp(score) * at(x[2], {i[0], k, i[2]});
          }
          return value / sum;
        });
      });
  return {c};
}

// A row of numbers brought to mean 0 and deviation 1, by the operations of a layer.
Cases normalisation() {
  return {composition(
      "normalisation", {{kBatch, 5}, {5}},
      [](const Scope& s, const Nodes& x) {
        const std::int32_t last = -1;
        const nadir_node centred = nadir_sub(s.graph, x[0], nadir_mean(s.graph, x[0], &last, 1, "keepdim=1"));
        const nadir_node variance = nadir_var(s.graph, x[0], &last, 1, "keepdim=1 correction=0");
        const nadir_node scale = nadir_rsqrt(s.graph, nadir_add_scalar(s.graph, variance, 0.125));
        return nadir_mul(s.graph, nadir_mul(s.graph, centred, scale), x[1]);
      },
      [](const Arrays& x) {
        return generate(shape_of(x[0]), [&](const Index& i) {
          double mean = 0, variance = 0;
          for (std::size_t j = 0; j < 5; ++j) mean += row(x[0], i[0], j) / 5;
          for (std::size_t j = 0; j < 5; ++j) variance += (row(x[0], i[0], j) - mean) * (row(x[0], i[0], j) - mean) / 5;
          return (row(x[0], i[0], i[1]) - mean) / std::sqrt(variance + 0.125) * x[1](i[1]);
        });
      })};
}

// The cross entropy of labels: log_softmax, and of each row the element that its label numbers.
Cases cross_entropy() {
  Case c = composition(
      "cross entropy", {{kBatch, 4}},
      [](const Scope& s, const Nodes& x) {
        const nadir_node logs = nadir_log_softmax(s.graph, x[0], 1);
        return nadir_neg(s.graph, nadir_gather(s.graph, logs, 1, nadir_unsqueeze(s.graph, x[1], 1)));
      },
      [](const Arrays& x) {
        return generate({shape_of(x[0])[0], 1}, [&](const Index& i) {
          double sum = 0;
          for (std::size_t j = 0; j < 4; ++j) sum += std::exp(row(x[0], i[0], j));
          return std::log(sum) - row(x[0], i[0], static_cast<std::size_t>(x[1](i[0])));
        });
      });
  c.operands.push_back(index_operand({kBatch}, {2, 0, 3, 3, 1}, NADIR_I32));
  return {c};
}

}  // namespace

int main() {
#define COMPOSITION(name) \
  { #name, name }
  return run_suite("compositions", {
                                       COMPOSITION(set_of_a_value_that_backward_needs),
                                       COMPOSITION(set_of_a_value_that_is_read_again),
                                       COMPOSITION(set_of_what_was_repeated),
                                       COMPOSITION(chains_of_sets),
                                       COMPOSITION(sets_of_what_was_joined),
                                       COMPOSITION(additions_in_place),
                                       COMPOSITION(views_of_results),
                                       COMPOSITION(pieces_of_a_batch),
                                       COMPOSITION(attention),
                                       COMPOSITION(normalisation),
                                       COMPOSITION(cross_entropy),
                                   });
}
