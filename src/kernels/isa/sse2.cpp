#include "kernels/loops/table.h"

namespace nadir {

void fill_sse2_kernels(KernelTable& table) noexcept { fill_table(table); }

}  // namespace nadir
