"""The files in which the hunt for mutants records what killed them."""

from pathlib import Path

KILLING_SEEDS_FILE = Path(__file__).with_name("killers.json")
"""The seed that killed each registered mutant."""
CONDITION_KILLERS_FILE = Path(__file__).with_name("conditions.json")
"""What killed the mutant of each condition."""
