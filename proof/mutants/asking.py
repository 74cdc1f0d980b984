"""Guards of lost answers: asked first, sent once more at most, under the same name, and only when wanted (3.2, 3.4)."""

from proof.mutants.mutant import mutant
from proof.mutants.scene import photos, wishes

LOST, RENDER = "steps/lost.py", "steps/render.py"
PAYING, AGAIN = "core/transitions/paying.py", "core/transitions/again.py"
LOSSES = "charge_and_hang_up killed_in_paid_call slow_call"

ASKING_MUTANTS = (
    mutant(
        "never-asks",
        "3.4: a call that can be asked about is asked about",
        (LOST, "if job.status is Status.UNKNOWN and attempt and attempt.provider_id:", "if False and attempt:"),
        (LOST, "if attempt.provider_id is None or job.crashes", "if True or job.crashes"),
        faults=LOSSES,
        kind="acknowledged",
    ),
    mutant(
        "another-name-each-time",
        "3.4: every resend of an unanswered call carries the same id",
        (
            PAYING,
            "job = with_attempt(job.but(status=Status.SUBMITTING), asked)",
            "job = with_attempt(job.but(status=Status.SUBMITTING, generation=job.generation + 1), asked)",
        ),
        (
            RENDER,
            "call = provider.prepare(job, photo, references)",
            "now = self.ledger.job\n"
            "        call = lambda told: provider.prepare(now(job.source_id, job.job_id), photo)(told)",
        ),
        faults="hang_up charge_and_hang_up forgetful_look_up",
        kind="own_id",
    ),
    mutant(
        "another-call-instead",
        "3.4: what has our id is sent again, never paid anew",
        (LOST, "return job, Next.SEND_AGAIN", "return job, Next.PAY"),
        faults="hang_up forgetful_look_up",
        kind="own_id",
    ),
    mutant(
        "does-not-wait",
        "3.4: a lost call is followed by another only when it could have ended",
        (LOST, "self._wait_for_its_end(job, provider, slot)\n        if", "if"),
        faults="lingering_call",
        kind="unaskable",
    ),
    mutant(
        "retries-for-ever",
        "3.4: a second lost answer is held",
        (LOST, "job.losses <= 1 and", "job.losses <= 9 and"),
        faults="hang_up charge_and_hang_up provider_outage",
        kind="unaskable",
    ),
    mutant(
        "retries-under-hold",
        "3.4: under hold a person decides",
        (LOST, "return self.policy is OnLostAnswer.RETRY_ONCE and", "return"),
        faults="hang_up charge_and_hang_up",
        kind="unaskable",
        on_lost_answer="hold",
    ),
    mutant(
        "retries-what-nobody-wants",
        "3.4: a lost call is not paid again for a job that its photo names no more",
        (LOST, " and job.unwanted is None", ""),
        faults="hang_up slow_call",
        kind="unaskable",
        deeds=(*photos(10, 10, every=10), *wishes(35, 10, "marble", every=10)),
        on_lost_answer="retry_once",
    ),
    mutant(
        "sends-again-what-nobody-wants",
        "3.4: nor is it sent again",
        (LOST, "wanted = job.unwanted is None", "wanted = True"),
        faults="hang_up",
        kind="own_id",
        deeds=(*photos(10, 12, every=10), *wishes(16, 12, "marble", every=10)),
    ),
    mutant(
        "takes-back-what-is-in-doubt",
        "3.4: that a resend was not taken says nothing of the first time",
        (PAYING, "if attempt.sends > 1 and not answer.final:", "if False:"),
        faults="charge_and_hang_up forgetful_look_up out_of_money throttled_call provider_outage",
        kind="own_id",
    ),
    mutant(
        "begins-anew-in-doubt",
        "3.4: a call that was not taken leaves an earlier lost answer as it is",
        (PAYING, 'if job.losses:\n        return {"status": Status.UNKNOWN}', "if False:\n        pass"),
        faults="hang_up throttled_call provider_outage late_event",
        kind="unaskable",
    ),
    mutant(
        "unwanted-begins-anew",
        "2.3: a job that is named no more ends when its call comes back unpaid",
        (
            PAYING,
            'if job.unwanted:\n        return {"status": job.unwanted, "problem": None, "ended_at": now}',
            "if False:\n        pass",
        ),
        faults="slow_refusal",
        kind="unaskable",
        deeds=(*photos(10, 10, every=10), *wishes(35, 10, "marble", every=10)),
    ),
    mutant(
        "forgets-its-name",
        "3.4: an acknowledgement is in the ledger before anybody polls",
        (PAYING, "return Step(with_attempt(job, attempt.but(provider_id=provider_id)))", "return Step(job)"),
        faults="slow_call",
        kind="acknowledged",
    ),
    mutant(
        "buys-again-unasked",
        "3: held and dead that cost money are bought again only by a person's word",
        (AGAIN, "if job.status in WITHOUT_A_FILE and not job.at_stake:", "if job.status in WITHOUT_A_FILE:"),
        faults="withheld_picture charge_and_hang_up",
        deeds=(*photos(10, 10, tags="foreign"), *wishes(11, 10, "cut"), *wishes(700, 10, "cut-dear")),
    ),
    mutant(
        "lies-about-money",
        "3.2: what an ended job says of money is what its attempts say",
        (
            PAYING,
            "return job.but(problem=job.problem.but(money=job.money)) if job.ended and job.problem else job",
            "return job",
        ),
        faults="withheld_picture hang_up rejected_request throttled_call",
    ),
    mutant(
        "never-reports-doubt",
        "2.4: a report is taken away when its cause is",
        (PAYING, '"problem": _problem(job, answer, now), "reported": True}', '"problem": _problem(job, answer, now)}'),
        faults="hang_up",
        kind="unaskable",
        deeds=(*photos(10, 10, tags="foreign"), *wishes(11, 10, "cut"), *wishes(100, 10, "cut-dear")),
        on_lost_answer="retry_once",
    ),
)
