#include "kernels/loops/table.h"

namespace nadir {

void fill_avx2_kernels(KernelTable& table) noexcept { fill_table(table); }

}  // namespace nadir
