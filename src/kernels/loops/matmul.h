// The matrix product. Whatever path an element takes, it is one chain of multiply_add over ascending k, then its bias, then
// what it is added to: all paths give the same bits. Products that are told to be `by_lanes` alone are sums of several chains.
//
// A tile of the result lies in registers: some rows, each a number of `a` for all lanes, by some vectors of lanes from `b`. What
// is not laid out for that is first copied into panels, block by block, each small enough for a cache (Goto and van de Geijn,
// "Anatomy of High-Performance Matrix Multiplication", 2008). The lanes may also run along the rows of `a`: the transposed
// product, whose results are stored transposed. That is cheaper where it leaves more lanes in use or less to copy.
#pragma once

#include "kernels/arguments.h"
#include "kernels/simd.h"

namespace nadir {
namespace {

// Rows of a tile: with two vectors each, they fill most of the registers.
#if defined(__AVX512F__) || defined(__aarch64__)
inline constexpr int kTileRows = 8;
#elif defined(__AVX2__)
inline constexpr int kTileRows = 6;
#else
inline constexpr int kTileRows = 4;
#endif

// More than these, and operands or results of a product come from far: they are asked for early.
inline constexpr std::int64_t kManyElements = 1 << 18;

// totals[r][lanes] of rows of `a` by lanes of `b`.
template <class T>
struct Tile {
  const T* a;
  const T* b;
  T* out;
  const T* bias;
  std::int64_t a_row, a_column, b_row, out_row, k;
  bool continues;   // out has the sum of the terms before
  bool accumulate;  // out has what the finished sum is added to
  bool rectifies;   // of the finished sums none is to be negative
  T* packed;        // where the first tile that reads a panel of b also copies it to; or null
};

// Whether a tile may pack: not where code is to be small.
#if defined(__AVX2__) || defined(__aarch64__)
template <class T>
inline constexpr bool kTilePacks = sizeof(T) == 4;
#else
template <class T>
inline constexpr bool kTilePacks = false;
#endif

// The tile that most results are of rectifies its totals while they are in registers; those of others are read again.
template <int kRows, int kColumns>
inline constexpr bool kRectifies = kRows == kTileRows&& kColumns == 2;

// The totals stay in registers if the loops over them are unrolled, which -O2 of GCC 12 does not do by itself: it is 3.6 times as
// fast. A tile that packs stores what it has loaded of b, in the time that its sums take anyway.
template <int kRows, int kColumns, bool kPacks = false, class T>
[[gnu::noinline]] void product_tile(const Tile<T>& t) {
  using V = Pack<T>;
  V totals[kRows][kColumns];
#pragma GCC unroll 10
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) {
      totals[r][c] = t.continues ? V::load(t.out + r * t.out_row + c * V::size) : V::splat(0);
    }
  }
  // Four rows a pointer, so that addresses need few registers.
  constexpr int kPointers = (kRows + 3) / 4;
  const std::int64_t row = t.a_row;
  const T* a[kPointers];
#pragma GCC unroll 10
  for (int i = 0; i < kPointers; ++i) a[i] = t.a + 4 * i * row;
  const T* b = t.b;
  [[maybe_unused]] T* packed = t.packed;
  for (std::int64_t l = t.k; l > 0; --l, b += t.b_row) {
    V right[kColumns];
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) right[c] = V::load(b + c * V::size);
    if constexpr (kPacks) {
#pragma GCC unroll 10
      for (int c = 0; c < kColumns; ++c) right[c].store(packed + c * V::size);
      packed += kColumns * V::size;
    }
#pragma GCC unroll 10
    for (int r = 0; r < kRows; ++r) {
      const V left = V::splat(a[r / 4][(r % 4) * row]);
#pragma GCC unroll 10
      for (int c = 0; c < kColumns; ++c) totals[r][c] = multiply_add(left, right[c], totals[r][c]);
    }
#pragma GCC unroll 10
    for (int i = 0; i < kPointers; ++i) a[i] += t.a_column;
  }
  T* const out = t.out;
  const std::int64_t out_row = t.out_row;
  const bool accumulates = t.accumulate;
  if (const T* const bias = t.bias) {
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) {
      const V more = V::load(bias + c * V::size);
#pragma GCC unroll 10
      for (int r = 0; r < kRows; ++r) totals[r][c] = totals[r][c] + more;
    }
  }
  if constexpr (kRectifies<kRows, kColumns>) {
    if (t.rectifies) {
      const V zero = V::splat(0);
#pragma GCC unroll 10
      for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 10
        for (int c = 0; c < kColumns; ++c) totals[r][c] = choose_less(totals[r][c], zero, zero, totals[r][c]);
      }
    }
  }
#pragma GCC unroll 10
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 10
    for (int c = 0; c < kColumns; ++c) {
      T* const to = out + r * out_row + c * V::size;
      if (accumulates) totals[r][c] = V::load(to) + totals[r][c];
      totals[r][c].store(to);
    }
  }
}

// panel[l * width + j] = from[j * lane + l * step] for j < lanes and l < count; 0 for other j < width, which is one vector or
// several.
template <class T>
[[gnu::noinline]] void pack_columns(T* panel, std::int64_t width, const T* from, std::int64_t lanes, std::int64_t lane,
                                    std::int64_t step, std::int64_t count) {
  using V = Pack<T>;
  constexpr std::int64_t kWidth = V::size;
  if (lane == 1 && width == 2 * kWidth && lanes == width) {
    for (std::int64_t l = 0; l < count; ++l, from += step, panel += width) {
      const V first = V::load(from);
      const V second = V::load(from + kWidth);
      first.store(panel);
      second.store(panel + kWidth);
    }
    return;
  }
  for (std::int64_t j = 0; j < width; j += kWidth, panel += kWidth, from += kWidth * lane, lanes -= kWidth) {
    std::int64_t l = 0;
    if (lane == 1) {
      for (; l < count; ++l) load_first(from + l * step, lanes < 0 ? 0 : lanes).store(panel + l * width);
    } else if (step == 1 && kWidth > 1) {
      for (; l + kWidth <= count; l += kWidth) {
        V rows[kWidth];
        if (lanes >= kWidth) {
          load_transposed(rows, from + l, lane);
        } else {
#pragma GCC unroll 16
          for (std::int64_t r = 0; r < kWidth; ++r) {
            rows[r] = r < lanes ? V::load(from + r * lane + l) : V::splat(0);
          }
          transpose(rows);
        }
#pragma GCC unroll 16
        for (std::int64_t r = 0; r < kWidth; ++r) rows[r].store(panel + (l + r) * width);
      }
    }
    for (; l < count; ++l) {
      for (std::int64_t r = 0; r < kWidth; ++r) panel[l * width + r] = r < lanes ? from[r * lane + l * step] : T{0};
    }
  }
}

// The rows of a block, a panel of [count, kTileRows] after another: panel[l, r] = from[r * row + l * step].
template <class T>
[[gnu::noinline]] void pack_rows(T* panels, const T* from, std::int64_t rows, std::int64_t row, std::int64_t step,
                                 std::int64_t count) {
  for (std::int64_t r = 0; r < rows; r += kTileRows, panels += kTileRows * count) {
    const T* line = from + r * row;
    if (row == 1 && rows - r >= 2 * kTileRows) {
      // Whole cache lines.
      T* const next = panels + kTileRows * count;
      for (std::int64_t l = 0; l < count; ++l, line += step) {
        __builtin_memcpy(panels + l * kTileRows, line, kTileRows * sizeof(T));
        __builtin_memcpy(next + l * kTileRows, line + kTileRows, kTileRows * sizeof(T));
      }
      r += kTileRows;
      panels = next;
    } else if (row == 1 && rows - r >= kTileRows) {
      for (std::int64_t l = 0; l < count; ++l, line += step) {
        __builtin_memcpy(panels + l * kTileRows, line, kTileRows * sizeof(T));
      }
    } else {
      for (std::int64_t l = 0; l < count; ++l, line += step) {
        for (std::int64_t i = 0; i < kTileRows && r + i < rows; ++i) panels[l * kTileRows + i] = line[i * row];
      }
    }
  }
}

// The rows of a block as they are, nearer to each other. Each is in a page of its own, where no prefetcher of a processor looks.
template <class T>
[[gnu::noinline]] void copy_rows(T* to, std::int64_t pitch, const T* from, std::int64_t rows, std::int64_t row,
                                 std::int64_t count) {
  constexpr std::int64_t kAhead = 3;
  for (std::int64_t r = 0; r < rows; ++r, to += pitch, from += row) {
    const T* const ahead = r + kAhead < rows ? from + kAhead * row : from;
    std::int64_t l = 0;
    for (; l + Pack<T>::size <= count; l += Pack<T>::size) {
      __builtin_prefetch(ahead + l);
      Pack<T>::load(from + l).store(to + l);
    }
    for (; l < count; ++l) to[l] = from[l];
  }
}

// Two rows have too few sums for the latency of one: ten rows of two vectors, as of digits, make one tile. There are registers for
// that with AVX-512.
#if defined(__AVX512F__)
template <class T, int kColumns>
inline constexpr bool kHasTen = kColumns == 2 && sizeof(T) == 4;
#else
template <class T, int kColumns>
inline constexpr bool kHasTen = false;
#endif

// No result less than 0, as relu says it. They have just been stored, and are in the cache.
template <class T>
[[gnu::noinline]] void rectify(T* out, std::int64_t row, std::int64_t column, std::int64_t rows, std::int64_t columns) {
  if (column != 1 && row == 1) return rectify(out, column, row, columns, rows);
  const auto zero = Pack<T>::splat(0);
  for (; rows > 0; --rows, out += row) {
    std::int64_t c = 0;
    for (; column == 1 && c + Pack<T>::size <= columns; c += Pack<T>::size) {
      const auto x = Pack<T>::load(out + c);
      choose_less(x, zero, zero, x).store(out + c);
    }
    for (; c < columns; ++c) out[c * column] = choose_less(out[c * column], T(0), T(0), out[c * column]);
  }
}

// How many of the rows that are left make a tile, if they need not be a panel's. Of eight, six would leave two, which have too few
// sums for the latency of one.
template <class T>
std::int64_t rows_of_tile(std::int64_t left, bool is_free) {
  if (kHasTen<T, 2> && left == 10 && is_free) return 10;
  if (kTileRows == 6 && left == 8 && is_free) return 4;
  if (left >= kTileRows) return kTileRows;
  return left >= 4 ? 4 : left >= 2 ? 2 : 1;
}

// Not if rows are laid out in panels.
template <class T>
bool has_free_rows(const Tile<T>& t, std::int64_t width, std::int64_t a_next) {
  return width > Pack<T>::size && a_next == kTileRows * t.a_row;
}

template <int kColumns, class T>
void run_tile(const Tile<T>& t, std::int64_t rows) {
  if (rows == kTileRows) return product_tile<kTileRows, kColumns>(t);
  if constexpr (kHasTen<T, kColumns>) {
    if (rows == 10) return product_tile<10, kColumns>(t);
  }
  if (rows == 4) return product_tile<4, kColumns>(t);
  rows == 2 ? product_tile<2, kColumns>(t) : product_tile<1, kColumns>(t);
}

template <class T>
void run_tile(Tile<T>& t, std::int64_t width, std::int64_t rows) {
  if constexpr (kTilePacks<T>) {
    if (t.packed) {
      product_tile<kTileRows, 2, true>(t);
      t.b = t.packed;
      t.b_row = width;
      t.packed = nullptr;
      return;
    }
  }
  width == Pack<T>::size ? run_tile<1>(t, rows) : run_tile<2>(t, rows);
}

// Where a tile's results belong.
struct Corner {
  std::int64_t row, column, rows, columns;
};

// What of a result is left if it is not to be negative.
template <class V>
V rectified(V x, V zero, bool rectifies) {
  return rectifies ? choose_less(x, zero, zero, x) : x;
}

// A tile whose results are not vectors in memory, because they are transposed or fewer than lanes, has them in `tile`. Its rows
// become the lines of the result: as many as fill vectors; what is in those after the last one does not matter.
template <class T>
[[gnu::noinline]] void store_transposed(const T* tile, std::int64_t width, const MatmulArguments& p, const Corner& at,
                                        const T* bias, bool rectifies) {
  using V = Pack<T>;
  constexpr std::int64_t kWidth = V::size;
  for (std::int64_t row = 0; row < at.rows; row += kWidth) {
    const std::int64_t rows = at.rows - row < kWidth ? at.rows - row : kWidth;
    for (std::int64_t column = 0; column < at.columns; column += kWidth) {
      V block[kWidth];
      load_transposed(block, tile + row * width + column, width);
      const std::int64_t columns = at.columns - column < kWidth ? at.columns - column : kWidth;
      T* out = static_cast<T*>(p.out) + at.row + row + (at.column + column) * p.out_column;
      for (std::int64_t c = 0; c < columns; ++c, out += p.out_column) {
        V total = block[c];
        if (bias) {
          total =
              total + (p.bias_by_row ? load_first(bias + at.row + row, rows) : V::splat(bias[at.column + column + c]));
        }
        if (p.accumulate) total = load_first(out, rows) + total;
        store_first(rectified(total, V::splat(0), rectifies), out, rows);
      }
    }
  }
}

template <class T>
[[gnu::noinline]] void store_results(const T* tile, std::int64_t width, const MatmulArguments& p, const Corner& at,
                                     bool is_last) {
  T* const to = static_cast<T*>(p.out) + at.row * p.out_row + at.column * p.out_column;
  const T* const bias = is_last ? static_cast<const T*>(p.bias) : nullptr;
  const bool rectifies = is_last && p.rectifies;
  if (p.out_column == 1 && !p.bias_by_row) {
    for (std::int64_t r = 0; r < at.rows; ++r) {
      for (std::int64_t c = 0; c < at.columns; c += Pack<T>::size) {
        const std::int64_t count = at.columns - c < Pack<T>::size ? at.columns - c : std::int64_t{Pack<T>::size};
        T* const out = to + r * p.out_row + c;
        Pack<T> total = Pack<T>::load(tile + r * width + c);
        if (bias) total = total + load_first(bias + at.column + c, count);
        if (p.accumulate) total = load_first(out, count) + total;
        store_first(rectified(total, Pack<T>::splat(0), rectifies), out, count);
      }
    }
    return;
  }
  if (p.out_row == 1 && Pack<T>::size > 1) return store_transposed(tile, width, p, at, bias, rectifies);
  for (std::int64_t c = 0; c < at.columns; ++c) {
    for (std::int64_t r = 0; r < at.rows; ++r) {
      T total = tile[r * width + c];
      T* const out = to + r * p.out_row + c * p.out_column;
      if (bias) total = total + bias[p.bias_by_row ? at.row + r : at.column + c];
      if (p.accumulate) total = *out + total;
      *out = rectified(total, T(0), rectifies);
    }
  }
}

// What the next panel is copied from: `lines` stretches of `length` elements. While a panel is worked on, they come into the
// second cache.
template <class T>
struct Ahead {
  const T* from;
  std::int64_t lines, line, length;

  [[gnu::always_inline]] void fetch(std::int64_t count) {
    constexpr std::int64_t kCacheLine = 64 / static_cast<std::int64_t>(sizeof(T));
    for (; count > 0 && lines > 0; --count, --lines, from += line) {
      // From the end: what is before a stretch in its first cache line was the last panel's.
      for (std::int64_t i = length - 1; i >= 0; i -= kCacheLine) __builtin_prefetch(from + i, 0, 2);
    }
  }
};

// The results of the tile after this one, which it begins with. (A call of a function that only fetches is left out by GCC 12: it
// takes it for one without effects.)
template <class T>
[[gnu::always_inline]] inline void fetch_results(const T* out, std::int64_t rows, std::int64_t row,
                                                 std::int64_t width) {
  for (std::int64_t r = 0; r < rows && r < kTileRows; ++r, out += row) {
    __builtin_prefetch(out);
    __builtin_prefetch(out + width - 1);
  }
}

// A panel of `width` columns whose results are vectors in memory. The next tile's rows of `a` lie `a_next` further.
template <class T>
void product_lines(const MatmulArguments& p, Tile<T>& t, std::int64_t width, std::int64_t a_next, std::int64_t rows,
                   Ahead<T>& ahead) {
  const std::int64_t ahead_count = (ahead.lines * kTileRows + rows - 1) / rows;
  const bool fetches = p.m * p.n > kManyElements && (t.continues || t.accumulate);
  const bool is_free = has_free_rows(t, width, a_next);
  while (rows > 0) {
    const std::int64_t tile_rows = rows_of_tile<T>(rows, is_free);
    T* const next = t.out + tile_rows * t.out_row;
    rows -= tile_rows;
    ahead.fetch(ahead_count);
    if (fetches) fetch_results(next, rows, t.out_row, width);
    run_tile(t, width, tile_rows);
    const bool is_rectified = tile_rows == kTileRows && width == 2 * Pack<T>::size;
    if (t.rectifies && !is_rectified) rectify(t.out, t.out_row, 1, tile_rows, width);
    t.a += tile_rows == kTileRows ? a_next : tile_rows * t.a_row;
    t.out = next;
  }
}

// As many rows of whole tiles as fill vectors.
template <class T>
constexpr std::int64_t rows_together() {
  std::int64_t rows = kTileRows;
  while (rows % Pack<T>::size != 0) rows += kTileRows;
  return rows;
}

// One whose results are not: they are put together until they are vectors the other way.
template <class T>
void product_elsewhere(const MatmulArguments& p, Tile<T>& t, std::int64_t width, std::int64_t a_next, Corner at,
                       bool is_last) {
  constexpr std::int64_t kTogether = rows_together<T>();
  T results[kTogether * 2 * Pack<T>::size];
  const bool is_free = has_free_rows(t, width, a_next);
  t.out_row = width;
  for (std::int64_t left = at.rows; left > 0; left -= at.rows, at.row += at.rows) {
    at.rows = left < kTogether ? left : kTogether;
    if (t.continues) {
      const T* const from = static_cast<const T*>(p.out) + at.row * p.out_row + at.column * p.out_column;
      pack_columns(results, width, from, at.columns, p.out_column, p.out_row, at.rows);
    }
    t.out = results;
    for (std::int64_t rows = at.rows; rows > 0;) {
      const std::int64_t tile_rows = rows_of_tile<T>(rows, is_free);
      run_tile(t, width, tile_rows);
      rows -= tile_rows;
      t.a += tile_rows == kTileRows ? a_next : tile_rows * t.a_row;
      t.out += tile_rows * width;
    }
    store_results(results, width, p, at, is_last);
  }
}

// A panel by the rows of a block, over the terms of the tile from `l` on. A tile is handed on by reference: to copy one that was
// written just before takes as long as a small product.
template <class T>
void product_panel(const MatmulArguments& p, Tile<T>& t, std::int64_t width, std::int64_t l, std::int64_t a_next,
                   const Corner& block, Ahead<T>& ahead) {
  const bool is_last = l + t.k == p.k;
  const bool is_direct = p.out_column == 1 && block.columns == width && !(p.bias && p.bias_by_row);
  const T* const a = t.a;
  t.continues = l > 0;
  t.bias = is_direct && is_last && p.bias ? static_cast<const T*>(p.bias) + block.column : nullptr;
  t.accumulate = is_direct && p.accumulate;
  t.rectifies = is_direct && is_last && p.rectifies;
  if (is_direct) {
    t.out = static_cast<T*>(p.out) + block.row * p.out_row + block.column;
    t.out_row = p.out_row;
    product_lines(p, t, width, a_next, block.rows, ahead);
  } else {
    product_elsewhere(p, t, width, a_next, block, is_last);
  }
  t.a = a;
}

// The columns of a single row, by wide tiles, as far as they reach. Returns how many columns those are.
template <class T>
std::int64_t product_row(const MatmulArguments& p, Tile<T> t, const T* b, std::int64_t l) {
  constexpr std::int64_t kWide = 4 * Pack<T>::size;
  t.continues = l > 0;
  t.accumulate = p.accumulate;
  t.b_row = p.b_row;
  const bool is_last = l + t.k == p.k;
  std::int64_t column = 0;
  for (; column + kWide <= p.n; column += kWide) {
    t.b = b + l * p.b_row + column;
    t.out = static_cast<T*>(p.out) + column;
    t.bias = is_last && p.bias ? static_cast<const T*>(p.bias) + column : nullptr;
    product_tile<1, 4>(t);
    if (is_last && p.rectifies) rectify(t.out, kWide, 1, 1, kWide);
  }
  return column;
}

// Whether the second cache has room for twice the rows of a block.
#if defined(__AVX512F__)
inline constexpr bool kHasLargeCache = true;
#else
inline constexpr bool kHasLargeCache = false;
#endif

// `count` in as few equal shares as are not more than `most`: a last one that is small would cost as many copies as a large one.
inline std::int64_t share_of(std::int64_t count, std::int64_t most, std::int64_t unit) {
  if (count <= most) return count;
  const std::int64_t shares = (count + most - 1) / most * unit;
  return (count + shares - 1) / shares * unit;
}

// What of a product is copied, and the blocks that it is cut into.
struct Blocks {
  std::int64_t depth, rows;
  bool packs_a, copies_a, packs_b, fetches_b;
};

template <class T>
Blocks blocks_of(const MatmulArguments& p) {
  constexpr std::int64_t kPanel = 2 * Pack<T>::size;
  // Rows that lie so far from each other share few sets of the first cache, and of the second. Of so many pages a processor has the
  // addresses at hand.
  constexpr std::int64_t kPage = 4096 / static_cast<std::int64_t>(sizeof(T));
  constexpr std::int64_t kNearPages = 100;
  Blocks blocks{};
  blocks.depth = share_of(p.k, kProductDepth, 1);
  const bool is_spread = blocks.depth * p.a_column > kNearPages * kPage;
  blocks.packs_a = p.a_column != 1 && p.n > (is_spread ? 2 : 8) * kPanel;
  const bool is_far = p.a_row % kPage == 0 || (!kHasLargeCache && p.m * p.k > kManyElements);
  blocks.copies_a = p.a_column == 1 && p.n > 4 * kPanel && p.k > 128 && is_far;
  const bool has_copy = blocks.packs_a || blocks.copies_a;
  const std::int64_t most_rows = has_copy || !kHasLargeCache ? kPackedRows : 2 * kPackedRows;
  blocks.rows = share_of(p.m, most_rows / kTileRows * kTileRows, kTileRows);
  // Many rows read a panel again and again: it had better be dense, if it is more than half of the first cache, or of the sets that
  // its rows share. Rows at multiples of a power of two have so many sets fewer.
  const std::int64_t power = p.b_row & -p.b_row;
  const bool is_crowded = blocks.depth * power > 4 * kPage;
  const bool is_read_often = is_crowded ? p.m >= 2 * kTileRows : p.m > 4 * kTileRows && blocks.depth * kPanel > 2048;
  blocks.packs_b = p.b_column != 1 || (p.b_row > kPanel && is_read_often);
  blocks.fetches_b = blocks.packs_b && p.k * p.n > kManyElements;
  return blocks;
}

// Rows of the result are finished before the next ones are begun: they stay in the second cache from one block of terms to the
// next.
template <class T>
void matmul_kernel(const Arguments& arguments) noexcept {
  const MatmulArguments& p = arguments.matmul;
  constexpr std::int64_t kPanel = 2 * Pack<T>::size;
  const Blocks blocks = blocks_of<T>(p);
  const T* const a = static_cast<const T*>(p.a);
  const T* const b = static_cast<const T*>(p.b);
  T* const packed_b = static_cast<T*>(p.scratch);
  T* const packed_a = packed_b + blocks.depth * kPanel + kPanel;
  for (std::int64_t i = 0; i < p.m; i += blocks.rows) {
    Corner block{i, 0, p.m - i < blocks.rows ? p.m - i : blocks.rows, 0};
    std::int64_t l = 0;
    do {
      Tile<T> t{};
      t.k = p.k - l < blocks.depth ? p.k - l : blocks.depth;
      t.a = a + i * p.a_row + l * p.a_column;
      t.a_row = p.a_row;
      t.a_column = p.a_column;
      std::int64_t a_next = kTileRows * p.a_row;
      if (blocks.packs_a) {
        pack_rows(packed_a, t.a, block.rows, p.a_row, p.a_column, t.k);
        t.a = packed_a;
        t.a_row = 1;
        t.a_column = kTileRows;
        a_next = kTileRows * t.k;
      } else if (blocks.copies_a) {
        t.a_row = blocks.depth + kRowGap;
        copy_rows(packed_a, t.a_row, t.a, block.rows, p.a_row, t.k);
        t.a = packed_a;
        a_next = kTileRows * t.a_row;
      }
      block.column = 0;
      // A single row has few sums: as many columns at a time as the latency of a sum asks for.
      if (p.m == 1 && !blocks.packs_b && p.out_column == 1 && !p.bias_by_row) block.column = product_row(p, t, b, l);
      for (; block.column < p.n; block.column += kPanel) {
        const std::int64_t left = p.n - block.column;
        block.columns = left < kPanel ? left : kPanel;
        const std::int64_t width = block.columns > Pack<T>::size ? kPanel : std::int64_t{Pack<T>::size};
        t.b = b + l * p.b_row + block.column * p.b_column;
        t.b_row = p.b_row;
        Ahead<T> ahead{};
        if (blocks.fetches_b && left > kPanel) {
          const T* const next = t.b + kPanel * p.b_column;
          const std::int64_t columns = left < 2 * kPanel ? left - kPanel : kPanel;
          ahead = p.b_column == 1 ? Ahead<T>{next, t.k, p.b_row, columns} : Ahead<T>{next, columns, p.b_column, t.k};
        }
        // Then the first tile has all its rows and columns.
        const bool is_whole = block.columns == kPanel && block.rows >= 2 * kTileRows;
        if (kTilePacks<T> && blocks.packs_b && p.b_column == 1 && is_whole) {
          t.packed = packed_b;
        } else if (blocks.packs_b || block.columns < width) {
          pack_columns(packed_b, width, t.b, block.columns, p.b_column, p.b_row, t.k);
          t.b = packed_b;
          t.b_row = width;
        }
        product_panel(p, t, width, l, a_next, block, ahead);
      }
      l += t.k;
    } while (l < p.k);
  }
}

}  // namespace
}  // namespace nadir
