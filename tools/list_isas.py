#!/usr/bin/python3
"""Prints the names of the sets of kernels that a shared library of Nadir has and this processor can run."""
import ctypes
import sys
from pathlib import Path

library = ctypes.CDLL(str(Path(sys.argv[1]).resolve()))
print("\n".join(isa for isa in ("scalar", "sse2", "avx2", "avx512", "neon") if library.nadir_has_feature(isa.encode())))
