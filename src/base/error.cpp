#include "base/error.h"

namespace nadir {

void fail_with(Status status, std::span<const Piece> pieces) {
  Error error{status, {}};
  for (const Piece& piece : pieces) piece.append(error.message, piece.value);
  throw error;
}

}  // namespace nadir
