# How the library is compiled, and its kernels once an instruction set.

# The options of every part. Contraction is off: a product and a sum are fused where the source says so and nowhere else,
# so that the bits do not depend on the compiler's mood.
function(nadir_compile_options target)
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR}/include)
  target_link_libraries(${target} PRIVATE nadir_headers)
  # -O2 rather than -O3: 41 KB smaller, and a small step takes the same time.
  # A section a function, of which the linker leaves out what the library does not use: what only tests do, or only inlined copies.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O2> -ffunction-sections -Wall -Wextra -Wshadow -Wconversion -Wno-psabi -ffp-contract=off)
  set_target_properties(${target} PROPERTIES C_VISIBILITY_PRESET hidden CXX_VISIBILITY_PRESET hidden
                        VISIBILITY_INLINES_HIDDEN ON)
endfunction()

# The kernels of one instruction set. Optimised in every configuration: what is not inlined at -O0 would be a weak symbol
# with this set's instructions in it, and the linker might choose it for all. xsimd is renamed, so that no two sets share a
# symbol of it.
function(nadir_add_kernels isa)
  set(target nadir_kernels_${isa})
  add_library(${target} OBJECT src/kernels/isa/${isa}.cpp)
  nadir_compile_options(${target})
  target_compile_options(${target} PRIVATE -O2 -fno-exceptions -fno-asynchronous-unwind-tables -fno-math-errno ${ARGN})
  list(APPEND NADIR_KERNELS ${target})
  set(NADIR_KERNELS ${NADIR_KERNELS} PARENT_SCOPE)
endfunction()

# GCC for Windows does not align the stack for the vectors that it keeps there (its bug 54412): the assembler then has to make
# every move one that needs no alignment.
set(any_alignment)
if(WIN32)
  set(any_alignment -Wa,-muse-unaligned-vector-move)
endif()

set(NADIR_KERNELS)
# The sets that only old processors are left with are small rather than fast.
nadir_add_kernels(scalar -DNADIR_SCALAR_KERNELS -Os)
if(NADIR_SIMD)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64)$")
    nadir_add_kernels(sse2 -Dxsimd=xsimd_sse2 -msse2 -Os)
    nadir_add_kernels(avx2 -Dxsimd=xsimd_avx2 -mavx2 -mfma ${any_alignment})
    # GCC 12 takes the undefined operand inside its own intrinsics for a mistake of theirs.
    nadir_add_kernels(avx512 -Wno-maybe-uninitialized -Wno-uninitialized -Dxsimd=xsimd_avx512 -mavx512f -mavx512cd -mavx512dq -mavx512bw -mavx512vl -mfma ${any_alignment})
  elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64|ARM64)$")
    nadir_add_kernels(neon -Dxsimd=xsimd_neon)
  else()
    message(STATUS "No vector kernels for ${CMAKE_SYSTEM_PROCESSOR}: building the scalar ones")
    set(NADIR_SIMD OFF)
  endif()
endif()
