"""The simulated reviewers decide by command and by event, disturb each other, crash, and sometimes leave."""

from collections import Counter
from dataclasses import replace

from simulation.mutation.mutation_scene import APPROVAL_ACTIONS, MutationScene
from simulation.scenarios.simulation_plan import FIRST_PRODUCT_SEED, draw_plan, has_products
from simulation.scenarios.simulation_run import Simulation
from simulation.world.simulated_lambda import InvocationOutcome


def simulate_reviews(seed: int, *actions: str) -> Simulation:
    """Runs a seed with an ample budget, in which photos of a product arrive, and some need approval."""
    scene = MutationScene(faults=("reordered_message",), actions=(*actions, *APPROVAL_ACTIONS))
    plan = scene.build_plan(seed)
    simulation = Simulation(replace(plan, setup=plan.setup | {"budget": 10_000_000}))
    assert simulation.run().broken_invariants == []
    return simulation


def test_reviewers_decide_by_command_and_by_event_and_some_come_too_late_or_crash() -> None:
    simulation = simulate_reviews(3)
    decisions = [review for reviews in simulation.monitor.reviews.decisions.values() for review in reviews]
    assert {review["decided_via"] for review in decisions} == {"cli", "event"}
    assert {review["decision"] for review in decisions} == {"approved", "rejected"}
    assert simulation.users.reviewers.refused_count
    assert {"stored", "rejected"} <= {job["status"] for job in simulation.monitor.snapshot.jobs.values()}
    assert any("an operator's command fails: " in line for line in simulation.world.format_history())
    outcomes = {(one.name.partition("-")[0], one.outcome) for one in simulation.world.lambda_service.invocations}
    assert ("intake", InvocationOutcome.KILLED) in outcomes


def test_pictures_wait_after_their_reviewers_have_left() -> None:
    simulation = simulate_reviews(2, "1 dismiss_reviewers")
    statuses = Counter(job["status"] for job in simulation.monitor.snapshot.jobs.values())
    assert statuses["review"]
    assert not statuses["rejected"]
    assert not simulation.monitor.reviews.decisions


def test_only_seeds_of_two_million_or_more_have_products() -> None:
    assert has_products(FIRST_PRODUCT_SEED)
    assert not has_products(FIRST_PRODUCT_SEED + 1)
    assert not has_products(FIRST_PRODUCT_SEED - 5)
    names = {action.name for seed in range(0, 100, 5) for action in draw_plan(FIRST_PRODUCT_SEED + seed).actions}
    assert {"damage_review_file", "dismiss_reviewers", "send_task"} <= names
