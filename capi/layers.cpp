// Layers: what has parameters of its own, and attention.
#include "guard.h"
#include "ops/attention.h"
#include "ops/embedding.h"
#include "ops/linear.h"
#include "ops/normalization.h"
#include "ops/recurrent.h"

using namespace nadir;
using namespace nadir::capi;

nadir_node nadir_linear_add(nadir_graph* graph, const char* name, nadir_node x, int64_t out_features,
                            const char* options) {
  return build_node(graph, "linear_add", name, [&](Graph& g) {
    Options parsed(options);
    return linear(name, to_expr(g, x, "x"), out_features, parsed);
  });
}

// --------------------------------------------------------------------------------------------------- normalisation

nadir_node nadir_layer_norm_add(nadir_graph* graph, const char* name, nadir_node x, int32_t normalized_dims,
                                const char* options) {
  return build_node(graph, "layer_norm_add", name, [&](Graph& g) {
    Options parsed(options);
    return layer_norm(name, to_expr(g, x, "x"), normalized_dims, parsed);
  });
}

nadir_node nadir_rms_norm_add(nadir_graph* graph, const char* name, nadir_node x, int32_t normalized_dims,
                              const char* options) {
  return build_node(graph, "rms_norm_add", name, [&](Graph& g) {
    Options parsed(options);
    return rms_norm(name, to_expr(g, x, "x"), normalized_dims, parsed);
  });
}

nadir_node nadir_group_norm_add(nadir_graph* graph, const char* name, nadir_node x, int64_t num_groups,
                                const char* options) {
  return build_node(graph, "group_norm_add", name, [&](Graph& g) {
    Options parsed(options);
    return group_norm(name, to_expr(g, x, "x"), num_groups, parsed);
  });
}

nadir_node nadir_batch_norm_add(nadir_graph* graph, const char* name, nadir_node x, const char* options) {
  return build_node(graph, "batch_norm_add", name, [&](Graph& g) {
    Options parsed(options);
    return batch_norm(name, to_expr(g, x, "x"), parsed);
  });
}

nadir_node nadir_instance_norm_add(nadir_graph* graph, const char* name, nadir_node x, const char* options) {
  return build_node(graph, "instance_norm_add", name, [&](Graph& g) {
    Options parsed(options);
    return instance_norm(name, to_expr(g, x, "x"), parsed);
  });
}

// ------------------------------------------------------------------------------------------------------- sequences

nadir_node nadir_embedding_add(nadir_graph* graph, const char* name, nadir_node index, int64_t num_embeddings,
                               int64_t embedding_dim, const char* options) {
  return build_node(graph, "embedding_add", name, [&](Graph& g) {
    Options parsed(options);
    return embedding(name, to_expr(g, index, "index"), num_embeddings, embedding_dim, parsed);
  });
}

namespace {

Expr to_optional(Graph& graph, nadir_node node, const char* role) {
  return node == NADIR_NONE ? Expr() : to_expr(graph, node, role);
}

// Sets *out, if it is there, to a node, or none on failure.
void put(nadir_node* out, nadir_node node) {
  if (out) *out = node;
}

nadir_node build_recurrent(Cell cell, const char* function, nadir_graph* graph, const char* name, nadir_node x,
                           nadir_node h0, nadir_node c0, nadir_node mask, int64_t hidden_size, const char* options,
                           nadir_node* h_n, nadir_node* c_n) {
  put(h_n, NADIR_NONE);
  put(c_n, NADIR_NONE);
  return build_node(graph, function, name, [&](Graph& g) {
    Options parsed(options);
    const RecurrentInputs inputs = {to_optional(g, h0, "h0"), to_optional(g, c0, "c0"), to_optional(g, mask, "mask")};
    const RecurrentOutputs outputs = recurrent(cell, name, to_expr(g, x, "x"), inputs, hidden_size, parsed);
    put(h_n, wrap(g, outputs.h_n.index()));
    if (cell == Cell::kLstm) put(c_n, wrap(g, outputs.c_n.index()));
    return outputs.y;
  });
}

}  // namespace

nadir_node nadir_rnn_add(nadir_graph* graph, const char* name, nadir_node x, nadir_node h0, nadir_node mask,
                         int64_t hidden_size, const char* options, nadir_node* h_n) {
  return build_recurrent(Cell::kRnn, "rnn_add", graph, name, x, h0, NADIR_NONE, mask, hidden_size, options, h_n,
                         nullptr);
}

nadir_node nadir_gru_add(nadir_graph* graph, const char* name, nadir_node x, nadir_node h0, nadir_node mask,
                         int64_t hidden_size, const char* options, nadir_node* h_n) {
  return build_recurrent(Cell::kGru, "gru_add", graph, name, x, h0, NADIR_NONE, mask, hidden_size, options, h_n,
                         nullptr);
}

nadir_node nadir_lstm_add(nadir_graph* graph, const char* name, nadir_node x, nadir_node h0, nadir_node c0,
                          nadir_node mask, int64_t hidden_size, const char* options, nadir_node* h_n, nadir_node* c_n) {
  return build_recurrent(Cell::kLstm, "lstm_add", graph, name, x, h0, c0, mask, hidden_size, options, h_n, c_n);
}

nadir_node nadir_scaled_dot_product_attention(nadir_graph* graph, nadir_node query, nadir_node key, nadir_node value,
                                              nadir_node attn_mask, const char* options) {
  return build_node(graph, "scaled_dot_product_attention", nullptr, [&](Graph& g) {
    Options parsed(options);
    return scaled_dot_product_attention(to_expr(g, query, "query"), to_expr(g, key, "key"), to_expr(g, value, "value"),
                                        to_optional(g, attn_mask, "attn_mask"), parsed);
  });
}

nadir_node nadir_multi_head_attention_add(nadir_graph* graph, const char* name, nadir_node query, nadir_node key,
                                          nadir_node value, nadir_node key_padding_mask, nadir_node attn_mask,
                                          int64_t num_heads, const char* options, nadir_node* attn_weights) {
  put(attn_weights, NADIR_NONE);
  return build_node(graph, "multi_head_attention_add", name, [&](Graph& g) {
    Options parsed(options);
    const MultiHeadInputs inputs = {to_expr(g, query, "query"), to_expr(g, key, "key"), to_expr(g, value, "value"),
                                    to_optional(g, key_padding_mask, "key_padding_mask"),
                                    to_optional(g, attn_mask, "attn_mask")};
    const MultiHeadOutputs outputs = multi_head_attention(name, inputs, num_heads, parsed);
    put(attn_weights, wrap(g, outputs.weights.index()));
    return outputs.y;
  });
}
