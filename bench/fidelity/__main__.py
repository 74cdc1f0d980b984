"""Measures the fidelity verdict on the corpus: `python -m bench.fidelity`, with `--out PAGE` for a page of the figures.

`--pairs FOLDER` measures pictures that you have bought instead. For each pair, the folder has `NAME.photo.jpg`,
`NAME.result.jpg`, and `NAME.mask.png`, in any format that Pillow reads. `--buy FOLDER` first buys what is missing, with
`IDEOGRAM_API_KEY`, after it has shown the price and you have agreed. Exits with code 1 if a target is missed.
"""

import argparse
import os
import sys
from pathlib import Path

from backdrop.model.errors import BackdropError
from bench.fidelity.buy_pairs import PurchaseError, buy, describe_price, list_missing
from bench.fidelity.page import format_page
from bench.fidelity.purchased_pairs import measure_folder
from bench.fidelity.scores import FidelityFigures, measure_corpus
from simulation.run_environment import describe_environment


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.fidelity", description=__doc__)
    parser.add_argument("--pairs", type=Path, help="folder of photos, results, and masks")
    parser.add_argument("--buy", type=Path, help="folder of photos whose results and masks are bought, then measured")
    parser.add_argument("--prompt", default="on a marble table, soft morning light", help="the new background")
    parser.add_argument("--out", type=Path, help="page to write")
    options = parser.parse_args()
    folder = options.buy or options.pairs
    if folder and not any(folder.glob("*.photo.*")):
        print(f"{folder} has no photo, such as cup.photo.jpg.", file=sys.stderr)
        return 1
    if options.buy and not buy_missing(options.buy, options.prompt):
        return 1
    if folder:
        for line in measure_folder(folder):
            print(line, flush=True)
        return 0
    figures = FidelityFigures.from_scores(measure_corpus())
    page = format_page(figures, describe_environment())
    print(page)
    if options.out:
        options.out.write_text(page)
    return int(not figures.meets_targets)


def buy_missing(folder: Path, prompt: str) -> bool:
    """Buys the pictures that a folder lacks, if the person agrees. Returns whether it has all of them."""
    missing = list_missing(folder)
    if not missing:
        return True
    if not os.environ.get("IDEOGRAM_API_KEY"):
        print("Set IDEOGRAM_API_KEY to your key. Nothing was bought.", file=sys.stderr)
        return False
    if not agrees(f"Buy {describe_price(missing)}? [y/N] "):
        print("Nothing was bought.", file=sys.stderr)
        return False
    try:
        for name in buy(missing, prompt):
            print(f"bought {name}", file=sys.stderr, flush=True)
    except (PurchaseError, BackdropError) as error:
        print(f"{error} Run the command again to buy the rest.", file=sys.stderr)
        return False
    return True


def agrees(question: str) -> bool:
    """Returns whether the person answers y. Without a terminal, there is no answer."""
    try:
        return input(question).strip().lower() == "y"
    except EOFError:
        return False


if __name__ == "__main__":
    sys.exit(main())
