"""Finishes what `sam build` wrote. Run it as a module, with the folder of the build."""

import compileall
import shutil
import sys
from pathlib import Path
from py_compile import PycInvalidationMode


def finish_build(folder: Path) -> None:
    """Removes numpy's tests, a tenth of the layer, and compiles the rest, which Lambda would do at each start."""
    # From the innermost folder out.
    for tests in sorted(folder.glob("*/python/numpy/**/tests"), reverse=True):
        shutil.rmtree(tests)
    compileall.compile_dir(folder, quiet=2, workers=0, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH)


if __name__ == "__main__":
    finish_build(Path(sys.argv[1]))
