#include "kernels/loops/table.h"

namespace nadir {

extern const KernelTable kNeonKernels;
constinit const KernelTable kNeonKernels = make_table("neon");

}  // namespace nadir
