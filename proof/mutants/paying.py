"""Guards of the paid call: claim, budget, books, lease, bytes (design 3, 3.1 to 3.3)."""

from proof.mutants.mutant import mutant
from proof.mutants.scene import photos, replaced, wishes

RENDER, PAYMENTS, LEDGER, FENCES = "steps/render.py", "steps/payments.py", "aws/ledger.py", "aws/fences.py"
PAYING, STEP = "core/transitions/paying.py", "core/transitions/step.py"

GIVEN_BACK = (
    "Booking({}, attempt.provider, reserved=-attempt.reserved, unknown=-attempt.unknown)\n"
    "    return Step(_truthful(job.but(**changed)), booked)"
)
KEEPS_NOTHING = (
    (PAYMENTS, "self.answers.keep(job, n, answer)\n        except", "pass\n        except"),
    (PAYMENTS, "if not kept:\n                self.answers.keep(job, n, answer)", "if not kept:\n                pass"),
)

PAYING_MUTANTS = (
    mutant(
        "claims-what-has-ended",
        "3: only a job that waits is claimed",
        (
            RENDER,
            "if job.status is Status.ACCEPTED and provider:",
            "if job.status is not Status.SUBMITTING and provider:",
        ),
        (
            RENDER,
            "if job.status is not Status.ACCEPTED:\n            return self._hand_on(job)",
            "if False:\n            pass",
        ),
        (STEP, "if job.status not in allowed:", "if False:"),
        faults="duplicate_message early_redelivery",
    ),
    mutant(
        "writes-over-others",
        "3.2: a write is fenced by the revision that was read",
        (FENCES, 'if item.rev == 1 else "rev = :rev"', 'if item.rev == 1 else "rev = :rev OR attribute_exists(pk)"'),
    ),
    mutant(
        "creates-twice",
        "3.2: a new item is written only where there is none",
        (
            FENCES,
            'fence = "attribute_not_exists(pk)" if',
            'fence = "attribute_not_exists(pk) OR attribute_exists(pk)" if',
        ),
        faults="duplicate_message",
        deeds=(*photos(5, 12), *wishes(5, 12, "cut")),
    ),
    mutant(
        "keeps-reservations",
        "3.1: leaving submitting settles the reservation",
        (PAYING, "reserved=-before.reserved,\n", "reserved=0,\n"),
    ),
    mutant(
        "books-on-another-day",
        "3.1: a reservation is settled on the day that it was made",
        (
            PAYING,
            "        before.day,\n        before.provider,\n        reserved=-before.reserved,",
            "        now.date().isoformat(),\n        before.provider,\n        reserved=-before.reserved,",
        ),
        faults="slow_call long_calls",
        late=True,
        deeds=photos(100, 12, every=8),
    ),
    mutant(
        "gives-back-on-another-day",
        "3.1: a reservation goes back to the day that it was made",
        (
            PAYING,
            f"booked = {GIVEN_BACK.format('attempt.day')}",
            f"booked = {GIVEN_BACK.format('now.date().isoformat()')}",
        ),
        faults="slow_refusal",
        kind="unaskable",
        late=True,
        deeds=photos(100, 12, every=8),
    ),
    mutant(
        "forgets-released-money",
        "3.1: what was provably not taken goes back, and no more",
        (PAYING, 'nothing = {"reserved": 0,', 'nothing = {"reserved": attempt.reserved,'),
        faults="provider_outage key_refused",
    ),
    mutant(
        "forgets-what-may-be-owed",
        "3.5: what a lost call may have cost counts until it is known",
        (PAYING, '"unknown": (attempt.reserved or attempt.unknown) if lost else 0,', '"unknown": 0,'),
        faults="charge_and_hang_up",
    ),
    mutant(
        "everything-is-dead",
        "3.6: the class and the code of an answer decide the end",
        (
            PAYING,
            "ended(Status(CODES[code].end), _problem(job, answer, now), now)",
            "ended(Status.DEAD, _problem(job, answer, now), now)",
        ),
        faults="refused_request",
    ),
    mutant(
        "no-cap",
        "3.1: a claim needs room under the cap",
        (
            LEDGER,
            '"(attribute_not_exists(committed) OR committed <= :room)" if room >= 0',
            '"(attribute_not_exists(committed) OR committed <= :room OR committed > :room)" if room >= 0',
        ),
        faults="reordered_message",
        deeds=photos(5, 8),
        budget=30_000,
    ),
    mutant(
        "first-is-free",
        "3.1: a budget that covers not even one job buys none",
        (LEDGER, 'if room >= 0 else "committed <= :room"', 'if True else "committed <= :room"'),
        faults="reordered_message",
        budget=5_000,
    ),
    mutant(
        "deaf-to-a-persons-cap",
        "3.1: where a person set the day's cap, that one holds",
        (
            LEDGER,
            'else "attribute_not_exists(#cap)"',
            'else "(attribute_not_exists(#cap) OR attribute_exists(#cap))"',
        ),
        faults="reordered_message",
        deeds=("1 budget 30000", *photos(10, 8)),
    ),
    mutant(
        "never-raises",
        "3.1: a person's cap lets more be bought",
        (LEDGER, "if day.cap is None:\n                raise", "if True:\n                raise"),
        faults="reordered_message",
        deeds=("100 budget 10000000", *photos(200, 3)),
        budget=5_000,
    ),
    mutant(
        "breaks-leases",
        "3.1: nobody touches a job under another's lease",
        ("steps/lost.py", "if now < attempt.lease_until:\n            left", "if False:\n            left"),
        (
            PAYING,
            "if attempt is None or now < attempt.lease_until:\n        raise StaleError\n    lost",
            "if attempt is None:\n        raise StaleError\n    lost",
        ),
        (
            PAYING,
            "if attempt is None or now < attempt.lease_until:\n        raise StaleError\n    crashes",
            "if attempt is None:\n        raise StaleError\n    crashes",
        ),
        faults="early_redelivery duplicate_message slow_call",
    ),
    mutant(
        "sends-other-bytes",
        "2.3: the bytes that are sent have the job's sha256",
        ("steps/material.py", " or sha256_hex(stored.data) != job.sha256", ""),
        faults="late_event",
        deeds=("5 pause 130", *photos(20, 6), *replaced(125, 6)),
    ),
    mutant(
        "starts-too-late",
        "3.3: no call starts with less time left than it may take",
        ("core/slot.py", "return now <= self.latest_start(call_seconds)", "return True"),
        faults="hang_up charge_and_hang_up",
        kind="unaskable",
    ),
    mutant(
        "no-read-back",
        "3.2: a write whose answer was lost is recognised by reading back",
        ("aws/table.py", 'return found is not None and found["write_id"]["S"] == write_id', "return False"),
        faults="lost_ledger_answer",
        kind="unaskable",
        deeds=photos(10, 30, every=10),
        on_lost_answer="hold",
    ),
    mutant(
        "gives-up-on-the-record",
        "3.2: an answer is written for as long as the invocation lasts, on the item as it is by then",
        (
            PAYMENTS,
            "if self.clock.now() + timedelta(seconds=pause + KEEP_SECONDS) > slot.deadline:",
            "if True:",
        ),
        *KEEPS_NOTHING,
        faults="table_gone",
        deeds=photos(5, 20),
        in_flight=10,
        account_limit=10,
    ),
    mutant(
        "keeps-no-answer",
        "3.2: an answer that the ledger does not take is kept where reconcile finds it",
        *KEEPS_NOTHING,
        faults="table_gone_for_long",
        deeds=photos(5, 20, every=3),
    ),
    mutant(
        "never-looks-for-kept-answers",
        "3.4: a kept answer is used before the call counts as lost",
        (
            "steps/lost.py",
            "if kept:\n            return self.payments.record(job, kept, slot)",
            "if False:\n            pass",
        ),
        ("steps/reconcile.py", "kept = islice(self.answers.kept(), MOST_ANSWERS)", "kept = ()"),
        faults="table_gone_for_long",
        deeds=photos(5, 20, every=3),
    ),
)
