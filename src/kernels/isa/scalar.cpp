#include "kernels/loops/table.h"

namespace nadir {

extern const KernelTable kScalarKernels;
constinit const KernelTable kScalarKernels = make_table("scalar");

}  // namespace nadir
