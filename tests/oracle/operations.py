"""The table of operations, filled: every operation of the header has its entry in one of the modules below."""
import arrangement  # noqa: F401
import convolutions  # noqa: F401
import elementwise  # noqa: F401
import layers  # noqa: F401
import losses  # noqa: F401
import pooling  # noqa: F401
import reductions  # noqa: F401
from table import NOT_OPERATIONS, OPERATIONS

__all__ = ["NOT_OPERATIONS", "OPERATIONS"]
