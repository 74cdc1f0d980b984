"""Each version of the product has its own seeds, which are always the same."""

from pathlib import Path

import pytest

from simulation.product_hash import FIRST_UNSEEN_SEED, UNSEEN_SEED_COUNT, choose_unseen_seeds

ROOT = Path(__file__).parents[3]


@pytest.fixture
def product(tmp_path: Path) -> Path:
    for name in ("functions/render/app.py", "layers/backdrop/core.py", "statemachines/campaign.asl.json"):
        (tmp_path / name).parent.mkdir(parents=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "template.yaml").write_text("Resources: {}")
    return tmp_path


def test_same_product_always_has_the_same_seeds(product: Path) -> None:
    before = choose_unseen_seeds(product)
    cache = product / "layers/backdrop/__pycache__"
    cache.mkdir()
    (cache / "core.cpython-313.pyc").write_bytes(b"compiled")
    (product / "README.md").write_text("not a part of the product")
    assert choose_unseen_seeds(product) == before
    assert len(before) == UNSEEN_SEED_COUNT


@pytest.mark.parametrize(
    "name", ["functions/render/app.py", "layers/backdrop/core.py", "statemachines/campaign.asl.json", "template.yaml"]
)
def test_every_product_change_gives_new_seeds(product: Path, name: str) -> None:
    before = choose_unseen_seeds(product)
    (product / name).write_text("changed")
    assert not {*before} & {*choose_unseen_seeds(product)}


def test_moved_file_gives_new_seeds(product: Path) -> None:
    before = choose_unseen_seeds(product)
    (product / "layers/backdrop/core.py").rename(product / "layers/backdrop/model.py")
    assert choose_unseen_seeds(product) != before


def test_unseen_seeds_are_above_any_that_people_choose() -> None:
    assert choose_unseen_seeds(ROOT)[0] >= FIRST_UNSEEN_SEED
