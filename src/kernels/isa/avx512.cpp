#include "kernels/loops/table.h"

namespace nadir {

void fill_avx512_kernels(KernelTable& table) noexcept { fill_table(table); }

}  // namespace nadir
