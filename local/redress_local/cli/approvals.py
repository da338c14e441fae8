"""`redress approve` and `redress deny`: a human's answer, and what came of it."""

from __future__ import annotations

import getpass
from typing import Annotated, Any

from cyclopts import Parameter
from redress_local.cli.errors import EXIT_FAILED, UsageError
from redress_local.cli.output import console, print_json
from redress_local.cli.stores import JsonOption, ModelOption, StoreOption, open_cloud

HashOption = Annotated[str | None, Parameter(name="--hash")]


def approve(
    case: str,
    /,
    *,
    approver: str | None = None,
    comment: str = "",
    hash_: HashOption = None,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Approve what a case waits for, and let it go on to its end.

    Args:
        case: The case's id.
        approver: Who approves; the user of this machine by default.
        comment: Kept with the answer.
        hash_: Approve only this settlement: the hash that `cases show` prints.
        model: A model specification, should the case need one to go on.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object and nothing else.
    """
    return _answer(case, "approve", approver, comment, hash_, model, store, as_json)


def deny(
    case: str,
    /,
    *,
    approver: str | None = None,
    comment: str = "",
    hash_: HashOption = None,
    model: ModelOption = "playbook",
    store: StoreOption = None,
    as_json: JsonOption = False,
) -> int:
    """Deny what a case waits for, and let it go on to its end.

    Args:
        case: The case's id.
        approver: Who denies; the user of this machine by default.
        comment: Kept with the answer.
        hash_: Deny only this settlement: the hash that `cases show` prints.
        model: A model specification, should the case need one to go on.
        store: Folder of the store; $REDRESS_STORE or .redress by default.
        as_json: Print one JSON object and nothing else.
    """
    return _answer(case, "deny", approver, comment, hash_, model, store, as_json)


def _answer(
    case: str,
    decision: str,
    approver: str | None,
    comment: str,
    proposal_hash: str | None,
    model: str,
    store: Any,
    as_json: bool,
) -> int:
    from redress.steps.case_records import find_approval, load_case
    from redress_local.cli import render
    from redress_local.embedded.ledger import ledger_delta
    from redress_local.embedded.resolution import CaseLedgers, describe, entries, trace_of

    with open_cloud(store, model=model, existing=True) as cloud:
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
            "approver": getpass.getuser() if approver is None else approver,
            "comment": comment,
            "proposal_hash": proposal_hash,
        }
        if proposal_hash is None:
            answer["proposal_hash"] = stored.request.proposal_hash
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
    if as_json:
        print_json(result)
    else:
        out = console()
        out.print(f"{decision}: {answer['proposal_hash']} by {answer['approver']}")
        render.recommendation(out, result)
        render.ledger(out, result["ledger"]["before"], result["ledger_delta"])
    return EXIT_FAILED if result["status"] == "failed" else 0
