"""`redress approve` and `redress deny`: a human's answer, and what came of it."""

from __future__ import annotations

import getpass
from dataclasses import dataclass
from typing import Annotated

from cyclopts import Parameter
from redress_local.cli.errors import EXIT_FAILED, UsageError
from redress_local.cli.output import console, print_json
from redress_local.cli.stores import JsonOption, ModelOption, StoreOption, open_cloud


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class AnswerOptions:
    """How an answer is given.

    Attributes:
        approver: Who answers; the user of this machine by default.
        comment: Kept with the answer.
        hash_: Answer for this settlement only: the hash that `cases show` prints.
        model: A model specification, should the case need one to go on.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object and nothing else.
    """

    approver: str | None = None
    comment: str = ""
    hash_: Annotated[str | None, Parameter(name="--hash")] = None
    model: ModelOption = "playbook"
    store: StoreOption = None
    as_json: JsonOption = False


DEFAULTS = AnswerOptions()


def approve(case: str, /, *, options: AnswerOptions = DEFAULTS) -> int:
    """Approve what a case waits for, and let it go on to its end.

    Args:
        case: The case's id.
        options: How.
    """
    return _answer(case, "approve", options)


def deny(case: str, /, *, options: AnswerOptions = DEFAULTS) -> int:
    """Deny what a case waits for, and let it go on to its end.

    Args:
        case: The case's id.
        options: How.
    """
    return _answer(case, "deny", options)


def _answer(case: str, decision: str, options: AnswerOptions) -> int:
    from redress.steps.case_records import find_approval, load_case
    from redress_local.cli import render
    from redress_local.embedded.ledger import ledger_delta
    from redress_local.embedded.resolution import CaseLedgers, describe, entries, trace_of

    with open_cloud(options.store, model=options.model, existing=True) as cloud:
        cases = cloud.domain("cases")
        record = load_case(cases, case).record
        stored = find_approval(cases, case)
        given = stored.request.answer if stored else None
        if stored is None or (record.status != "awaiting_approval" and given is None):
            raise UsageError(
                f"case {case} is {record.status}: nothing waits for an answer",
                f"see `redress cases show {case}`",
            )
        if given is not None and given.decision != decision:
            raise UsageError(
                f"case {case} was answered already: {given.decision}, by {given.approver}",
                f"see `redress cases show {case}`",
            )
        ledgers = CaseLedgers(cloud)
        before = ledgers.of(record.order_id)
        answer = {
            "case_id": case,
            "decision": decision,
            "approver": getpass.getuser() if options.approver is None else options.approver,
            "comment": options.comment,
            "proposal_hash": stored.request.proposal_hash
            if options.hash_ is None
            else options.hash_,
        }
        cloud.answer(answer)
        execution = cloud.settle(record.owner)
        after = ledgers.of(record.order_id)
        trace = trace_of(cloud, record.owner)
        result = {
            **describe(cloud, execution, trace, {"case_id": case}, ledgers),
            "answer": answer,
            "ledger": {"before": entries(before), "after": entries(after)},
            "ledger_delta": ledger_delta(before, after),
        }
    if options.as_json:
        print_json(result)
    else:
        out = console()
        out.print(f"{decision}: {answer['proposal_hash']} by {answer['approver']}")
        render.recommendation(out, result)
        render.ledger(out, result["ledger"]["before"], result["ledger_delta"])
    return EXIT_FAILED if result["status"] == "failed" else 0
