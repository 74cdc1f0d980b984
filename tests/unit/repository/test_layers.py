"""The layers of pyproject.toml, checked with the real imports, and with an additional one that `make check` must
reject.
"""

from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import grimp
import pytest
from importlinter import api
from importlinter.contracts.layers import LayersContract

SETTINGS = cast("dict[str, Any]", api.read_configuration(str(Path(__file__).parents[3] / "pyproject.toml")))


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*SETTINGS["session_options"]["root_packages"], cache_dir=None)


def list_broken_contracts(graph: grimp.ImportGraph) -> list[str]:

    def is_kept(given: dict[str, Any]) -> bool:
        contract = LayersContract(given["name"], SETTINGS["session_options"], given)
        return contract.check(graph, verbose=False).kept

    return [one["id"] for one in SETTINGS["contracts_options"] if not is_kept(one)]


def test_tree_keeps_its_layers(graph: grimp.ImportGraph) -> None:
    assert list_broken_contracts(graph) == []


@pytest.mark.parametrize(
    ("importer", "imported", "contract"),
    [
        ("backdrop.model.job", "backdrop.ports", "product"),
        ("backdrop.ports", "backdrop.aws.table", "product"),
        ("backdrop.aws.metrics", "backdrop.pipeline.crash_guard", "product"),
        ("backdrop.providers.http", "backdrop.aws.clients", "product"),
        ("backdrop.imaging.prepare", "backdrop.intake.photo_reader", "product"),
        ("backdrop.intake.service", "backdrop.bootstrap", "product"),
        ("backdrop.bootstrap", "functions.intake.app", "programs"),
        ("backdrop_cli.stack", "simulation.world.simulated_stack", "programs"),
        ("functions.intake.app", "backdrop_cli.stack", "programs"),
        ("backdrop_client.jobs", "backdrop_cli.stack", "programs"),
        ("backdrop_client.jobs", "backdrop_local.home", "programs"),
    ],
)
def test_import_that_violates_the_layers_is_refused(
    graph: grimp.ImportGraph, importer: str, imported: str, contract: str
) -> None:
    changed_graph = deepcopy(graph)
    changed_graph.add_import(importer=importer, imported=imported)
    assert list_broken_contracts(changed_graph) == [contract]


def test_package_without_a_layer_is_refused(graph: grimp.ImportGraph) -> None:
    changed_graph = deepcopy(graph)
    changed_graph.add_module("backdrop.extra")
    assert list_broken_contracts(changed_graph) == ["product"]
