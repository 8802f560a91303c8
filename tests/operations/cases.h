// The cases of every operation, a function each, by the operation's name in ops/registry.def. test_operations.cpp goes
// through the list, and does not compile if one is missing here.
#pragma once

#include "case.h"

// A namespace of its own, in which `abs` is the operation and std::abs the function.
namespace operations::cases {

// elementwise_cases.cpp
Cases neg(), abs(), sign(), square(), sqrt(), rsqrt(), reciprocal(), floor(), ceil(), round(), trunc(), relu(), relu6(),
    softsign(), hard_sigmoid(), hard_swish(), exp(), expm1(), log(), log1p(), log2(), sin(), cos(), tan(), asin(),
    acos(), atan(), sinh(), cosh(), tanh(), erf(), erfc(), sigmoid(), log_sigmoid(), silu(), gelu(), gelu_tanh(),
    mish(), selu();
Cases scale(), add_scalar(), div_scalar(), scalar_div(), scalar_sub(), floor_div_scalar(), mod_scalar(), pow_scalar(),
    scalar_pow(), leaky_relu(), clamp(), elu(), softplus();
Cases add(), sub(), mul(), div(), maximum(), minimum(), floor_div(), mod(), pow(), atan2();

// mask_cases.cpp
Cases is_nan(), is_finite(), eq(), ne(), lt(), le(), gt(), ge(), logical_and(), logical_or(), logical_xor(),
    logical_not(), where(), cast(), stop_gradient();

// product_cases.cpp
Cases matmul(), dot(), outer(), linear();

// reduction_cases.cpp
Cases sum(), mean(), prod(), max(), min(), var(), std(), norm(), logsumexp(), any(), all(), argmax(), argmin(),
    cumsum(), softmax(), log_softmax();

// arrangement_cases.cpp
Cases full(), broadcast_to(), reshape(), flatten(), squeeze(), unsqueeze(), permute(), transpose(), flip(), slice(),
    slice_set(), concat(), stack(), split(), pad(), repeat(), roll(), tril(), triu();

// index_cases.cpp
Cases index_select(), index_add(), gather(), scatter_add(), one_hot();

// convolution_cases.cpp
Cases conv1d(), conv2d(), conv_transpose1d(), conv_transpose2d(), conv(), conv_input(), conv_weight();

// pooling_cases.cpp
Cases max_pool1d(), max_pool2d(), avg_pool1d(), avg_pool2d(), adaptive_max_pool1d(), adaptive_max_pool2d(),
    adaptive_avg_pool1d(), adaptive_avg_pool2d(), global_avg_pool(), max_pool_index();

// loss_cases.cpp
Cases mse_loss(), l1_loss(), huber_loss(), smooth_l1_loss(), hinge_loss(), hinge_embedding_loss(), kl_div_loss(),
    bce_loss(), bce_with_logits_loss(), cross_entropy_loss(), nll_loss(), cosine_embedding_loss(),
    triplet_margin_loss(), check_range();

// random_cases.cpp: `random` is what the others are made of
Cases random(), uniform(), normal(), bernoulli(), dropout();

// layer_cases.cpp
Cases batch_norm(), layer_norm(), rms_norm(), group_norm(), instance_norm(), embedding(), rnn(), gru(), lstm(),
    scaled_dot_product_attention(), multi_head_attention();

}  // namespace operations::cases
