#include "kernels/loops/table.h"

namespace nadir {

extern const KernelTable kAvx512Kernels;
constinit const KernelTable kAvx512Kernels = make_table("avx512");

}  // namespace nadir
