"""Measures the fidelity verdict on the corpus: `python -m bench.fidelity`, with `--out PAGE` for a page of the figures.

`--pairs FOLDER` measures pictures that you have bought instead. For each pair, the folder has `NAME.photo.jpg`,
`NAME.result.jpg`, and `NAME.mask.png`, in any format that Pillow reads. Exits with code 1 if a target is missed.
"""

import argparse
import sys
from pathlib import Path

from bench.fidelity.page import format_page
from bench.fidelity.purchased_pairs import measure_folder
from bench.fidelity.scores import FidelityFigures, measure_corpus
from simulation.run_environment import describe_environment


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fidelity", description=__doc__)
    parser.add_argument("--pairs", type=Path, help="folder of photos, results, and masks")
    parser.add_argument("--out", type=Path, help="page to write")
    options = parser.parse_args()
    if options.pairs:
        for line in measure_folder(options.pairs):
            print(line, flush=True)
        return 0
    figures = FidelityFigures.from_scores(measure_corpus())
    page = format_page(figures, describe_environment())
    print(page)
    if options.out:
        options.out.write_text(page)
    return int(not figures.meets_targets)


if __name__ == "__main__":
    sys.exit(main())
