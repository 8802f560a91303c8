#include "kernels/loops/table.h"

namespace nadir {

extern const KernelTable kAvx2Kernels;
constinit const KernelTable kAvx2Kernels = make_table("avx2");

}  // namespace nadir
