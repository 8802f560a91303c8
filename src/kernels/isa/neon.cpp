#include "kernels/loops/table.h"

namespace nadir {

void fill_neon_kernels(KernelTable& table) noexcept { fill_table(table); }

}  // namespace nadir
