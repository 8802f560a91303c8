// A graph as a text for people.
#pragma once

#include "base/text.h"
#include "graph/graph.h"

namespace nadir {

// A line a node: name = operation(operands, attributes) dtype shape.
void dump_text(const Graph& graph, Text& text);
// The language of Graphviz.
void dump_dot(const Graph& graph, Text& text);

}  // namespace nadir
