"""Set before numpy is imported anywhere: threads of a linear algebra library only slow networks of this size down."""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
