// What is checked of every operation. Each check runs a case at all its batch sizes and throws Failure at the first
// thing amiss.
#pragma once

#include "case.h"

namespace operations {

// The value is that of the reference, of inputs, in every dtype of the case.
void check_values(const Case& c);

// The same bits come of constants, of parameters and of operands that are read at strides, backwards and across.
void check_arrivals(const Case& c);

// One graph with a symbolic batch, at every batch size in turn, up and down: value, gradient and second derivative.
void check_batches(const Case& c);

// The gradient is that of the reference's differences, and of the library's own (nadir_grad_check); or it is zero.
void check_gradient(const Case& c);

// The gradient of (the gradient times weights) is that of differences.
void check_second_derivative(const Case& c);

// One operand alone is differentiated, the others being inputs.
void check_each_alone(const Case& c);

// The gradient goes through the strides by which the operands are read.
void check_viewed(const Case& c);

// Where two operands can be the same node, the gradient is that of both.
void check_shared(const Case& c);

// A second backward pass doubles the gradient, exactly.
void check_accumulation(const Case& c);

// Another forward pass, another session and another graph of the same operation give the same bits.
void check_repetition(const Case& c);

}  // namespace operations
