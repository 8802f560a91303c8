#include "graph/dump.h"

namespace nadir {

void dump_text(const Graph& graph, Text& text) {
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    const Node& node = graph[index];
    text << node.name() << " = " << node.op->name << '(';
    const char* separator = "";
    for (const NodeIndex input : node.inputs) {
      text << separator << graph[input].name();
      separator = ", ";
    }
    if (node.op->describe) node.op->describe(text, node);
    text << ") " << name_of(node.dtype) << ' ' << node.shape << '\n';
  }
}

namespace {

void quote(Text& text, std::string_view name) {
  for (const char c : name) {
    if (c == '"' || c == '\\') text << '\\';
    text << c;
  }
}

}  // namespace

void dump_dot(const Graph& graph, Text& text) {
  text << "digraph nadir {\n  node [shape=box, fontname=\"sans-serif\"];\n";
  for (NodeIndex index = 0; index < graph.size(); ++index) {
    const Node& node = graph[index];
    text << "  n" << index << " [label=\"";
    quote(text, node.name());
    text << "\\n" << node.op->name;
    if (node.op->describe) node.op->describe(text, node);
    text << "\\n" << name_of(node.dtype) << ' ' << node.shape << '"';
    if (node.inputs.empty()) text << ", style=rounded";
    text << "];\n";
    for (const NodeIndex input : node.inputs) text << "  n" << input << " -> n" << index << ";\n";
  }
  text << "}\n";
}

}  // namespace nadir
