// SPDX-License-Identifier: MIT
// The whole library, layer by layer, and a tour of it.
//
// Vocabulary. A Tensor is a handle on elements that nobody writes again; ops are free functions
// that make new ones. A Parameter owns elements that are trained, a Buffer elements that are only
// kept; assign and the optimizers write to these, and to nothing else. A model is a plain struct of
// them: its gradient, its momentum and its average are values of the same struct type, and visit
// walks through several such values side by side. A Key names a sequence of random numbers. A
// device system (host or cuda) is a folder that knows the machine; nothing above it knows
// which.
//
// Five primitives carry nearly everything:
//   map       a functor, element by element            its derivative: the functor on dual numbers
//   reduce    a monoid over axes, in a fixed tree      the gradient of a sum repeats
//   contract  sums of products over common axes        its gradient is two contractions
//   gather    elements by index                        its gradient adds where it had read
//   view      other strides, the same elements         each view is some other view's gradient
// All other ops are compositions of them, or state their value and their vector-Jacobian products
// in one function: return differentiable(value, wrt(a, ...), wrt(b, ...)).
//
// The way of a call, y = conv2d(x, weight, {.padding = 1}) inside value_and_grad(f, model):
//   autograd/grad.h     opens a recording: each parameter of the model becomes a leaf of the graph,
//                       and f runs
//   ops/conv.h          checks the shapes and lets x lie grid-major: the cell (h, w) of a batch is
//                       a matrix of images by channels. A convolution then is a sum of matrix
//                       products over the taps
//   ops/contract.h      parts the axes of both operands into rows, columns and depth
//   system/system.h     the only #if: which folder provides device::
//   system/host/*       cuts the work into chunks whose sizes do not depend on the number of
//                       threads, hands them to thrust::for_each_n on OpenMP, and runs each in the
//                       variant for the instruction set of this CPU
//   system/cuda/*       launches a grid of tiles on the library's stream, and does not wait
//   core/pool.h         gave y its memory, from a cache that a second step finds filled
//   autograd/differentiable.h  notes both gradients of conv2d in a node of the graph
// When f has returned, grad.h takes the nodes from the newest to the oldest and calls what they
// noted: the data gradient and the weight gradient are the same table of cells read in two other
// directions, and go down the same way.
//
// Including is to be cheap: what launches kernels or takes long to compile is a template, if only by
// a default parameter (template <class = void>), so that a program compiles what it calls.
#pragma once

// The ground: what is decided when a program is compiled, and errors.
#include "thrustgrad/config.h"
#include "thrustgrad/error.h"
#include "thrustgrad/version.h"

// The machine.
#include "thrustgrad/system/system.h"

// Tensors.
#include "thrustgrad/core/captured.h"
#include "thrustgrad/core/create.h"
#include "thrustgrad/core/dtype.h"
#include "thrustgrad/core/loop.h"
#include "thrustgrad/core/math.h"
#include "thrustgrad/core/number.h"
#include "thrustgrad/core/parameter.h"
#include "thrustgrad/core/philox.h"
#include "thrustgrad/core/pool.h"
#include "thrustgrad/core/print.h"
#include "thrustgrad/core/random.h"
#include "thrustgrad/core/reflect.h"
#include "thrustgrad/core/shape.h"
#include "thrustgrad/core/tensor.h"

// Gradients and models.
#include "thrustgrad/autograd/derivatives.h"
#include "thrustgrad/autograd/differentiable.h"
#include "thrustgrad/autograd/dual.h"
#include "thrustgrad/autograd/grad.h"
#include "thrustgrad/autograd/model.h"
#include "thrustgrad/autograd/node.h"
#include "thrustgrad/autograd/visit.h"

// Operations.
#include "thrustgrad/ops/compare.h"
#include "thrustgrad/ops/contract.h"
#include "thrustgrad/ops/conv.h"
#include "thrustgrad/ops/dropout.h"
#include "thrustgrad/ops/gather.h"
#include "thrustgrad/ops/join.h"
#include "thrustgrad/ops/loss.h"
#include "thrustgrad/ops/map.h"
#include "thrustgrad/ops/matmul.h"
#include "thrustgrad/ops/norm.h"
#include "thrustgrad/ops/pad.h"
#include "thrustgrad/ops/phase.h"
#include "thrustgrad/ops/pointwise.h"
#include "thrustgrad/ops/pooling.h"
#include "thrustgrad/ops/reduce.h"
#include "thrustgrad/ops/select.h"
#include "thrustgrad/ops/sort.h"
#include "thrustgrad/ops/view.h"

// What is built of them.
#include "thrustgrad/data/augment.h"
#include "thrustgrad/data/batches.h"
#include "thrustgrad/data/cifar10.h"
#include "thrustgrad/data/synthetic.h"
#include "thrustgrad/io/checkpoint.h"
#include "thrustgrad/io/file.h"
#include "thrustgrad/io/json.h"
#include "thrustgrad/io/safetensors.h"
#include "thrustgrad/io/safetensors_header.h"
#include "thrustgrad/nn/init.h"
#include "thrustgrad/nn/layers.h"
#include "thrustgrad/optim/accumulate.h"
#include "thrustgrad/optim/adamw.h"
#include "thrustgrad/optim/average.h"
#include "thrustgrad/optim/clip.h"
#include "thrustgrad/optim/scalar.h"
#include "thrustgrad/optim/schedule.h"
#include "thrustgrad/optim/sgd.h"
