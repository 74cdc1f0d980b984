"""Guards of lanes: the gate, the probe, pauses that only some may lift (design 3.7 to 3.9)."""

from proof.mutants.mutant import mutant
from proof.mutants.scene import photos

LANE, KEEPER, RECONCILE, RENDER = "core/lane.py", "steps/lanes.py", "steps/reconcile.py", "steps/render.py"
SICK = "provider_outage key_refused out_of_money"
CANCELLED = (*photos(5, 20, every=2), "20 cancel p", "30 cancel p", "60 cancel p", "120 drop late.jpg late cut")
PAUSES = (*photos(5, 10, every=20), "30 pause 60", "150 pause 60")

LANE_MUTANTS = (
    mutant(
        "walks-through-the-gate",
        "3.9: render looks at the lane before it pays",
        (LANE, "if not lane.flows:\n        return Gate.SHUT, PAUSED_DELAY_SECONDS", "if False:\n        pass"),
        faults="paused_by_person slow_mapping",
    ),
    mutant(
        "buys-what-was-cancelled",
        "3.11: what a person called off is not bought when its message comes to render",
        (
            RENDER,
            "step = transitions.call_off(job, slot.lane.called_off, self.clock.now())\n        if step:",
            "if step := None:",
        ),
        faults="late_event killed_person",
        deeds=CANCELLED,
    ),
    mutant(
        "forgets-when-it-was-said",
        "3.11: what was said before a cancel is called off, however late it becomes a job",
        ("steps/photo.py", '"said_at": said_at(state.source, seen, places, look, now)', '"said_at": now'),
        faults="late_event",
        deeds=CANCELLED,
    ),
    mutant(
        "takes-every-tag-for-a-word",
        "3.11: another tool's tags, or ours taken away, bring nothing back that was cancelled",
        (
            "steps/standing.py",
            "look.tagged_at if any(place.name == TAGS and not is_empty(place) for place in seen.places) else None",
            "look.tagged_at",
        ),
        faults="late_event",
        deeds=(*CANCELLED, *(f"90 tag p{n}.jpg foreign" for n in range(20))),
    ),
    mutant(
        "two-probes",
        "3.8: one probe at a time",
        (LANE, "if lane.probe_until and now < lane.probe_until:", "if lane.probe_until and lane.probes > 99:"),
        faults=SICK,
    ),
    mutant(
        "probe-without-a-fence",
        "3.8: of two that would be the probe one is",
        (LANE, "if lane.probe_until and now < lane.probe_until:", "if lane.probe_until and lane.probes > 99:"),
        (LANE, "if gate(lane, now)[0] is not Gate.PROBE:\n        raise StaleError", "if False:\n        pass"),
        faults=SICK,
    ),
    mutant(
        "lets-another-probe-out",
        "3.8: no second probe is let out while one is on its way",
        (LANE, "if not lane.pauses or lane.trying or any(", "if not lane.pauses or any("),
        faults="key_refused late_tick long_calls",
    ),
    mutant(
        "probes-against-a-person",
        "3.9: reconcile lifts only reasons that it can test",
        (LANE, " or any(one.reason not in PROBED for one in lane.pauses)", ""),
        faults="paused_by_person key_refused",
    ),
    mutant(
        "never-probes",
        "3.9: reconcile lets a probe out where a probe can tell",
        (RECONCILE, "self.keeper.let_a_probe_out(provider)\n", "pass\n"),
        faults="key_refused out_of_money",
    ),
    mutant(
        "mapping-on-its-own",
        "3.9: reconcile makes the mapping what the ledger says",
        (KEEPER, "if on is not None and on is not lane.flows:", "if False:"),
        faults="killed_person",
        deeds=PAUSES,
    ),
    mutant(
        "never-lifts-the-budget",
        "3.9: a pause for the budget ends with the day, or by a person's word",
        (RECONCILE, "if day.settled + needs <= day.cap_or(self.daily_budget):", "if False:"),
        faults="reordered_message",
        deeds=(*photos(10, 4), "600 budget 10000000"),
        budget=15_000,
    ),
    mutant(
        "says-nothing-of-the-lane",
        "2.4: one report while a provider is paused, and none when it goes on",
        (KEEPER, "if untold(after) or _codes(after) != _codes(before):", "if False:"),
        (KEEPER, "if untold(self.ledger.lane(provider)):", "if False:"),
        faults="key_refused",
    ),
    mutant(
        "does-not-tell-afterwards",
        "3.9: people are told even where whoever changed the lane died",
        (KEEPER, "if untold(self.ledger.lane(provider)):", "if False:"),
        faults="killed_person",
        deeds=PAUSES,
    ),
    mutant(
        "opens-by-hearsay",
        "3.9: a good answer of a call that began before lifts no pause",
        (
            LANE,
            " if probe else well.but(probe_until=lane.probe_until if lane.paused else None)",
            "",
        ),
        faults="slow_refusal key_refused hang_up long_calls",
        kind="unaskable",
        deeds=photos(5, 20, every=3),
    ),
    mutant(
        "overlapping-runs",
        "1: reconcile is fenced against overlapping runs",
        (
            RECONCILE,
            "if run.until and self.clock.now() < run.until:\n            return None",
            "if False:\n            pass",
        ),
        faults="double_tick slow_service",
    ),
)
