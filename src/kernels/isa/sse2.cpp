#include "kernels/loops/table.h"

namespace nadir {

extern const KernelTable kSse2Kernels;
constinit const KernelTable kSse2Kernels = make_table("sse2");

}  // namespace nadir
