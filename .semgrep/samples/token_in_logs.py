# ruff: noqa
# fmt: off
"""Samples of a rule: what is marked is found, and nothing else."""


def handler(event, log, request, task_token, answer):
    # ruleid: no-token-in-logs
    log.info("asked with %s", task_token)
    # ruleid: no-token-in-logs
    log.info(f"asked with {request.token}")
    # ruleid: no-token-in-logs
    log.warning("asked", extra={"with": request.authorization})
    # ruleid: no-print
    print("asked with", request.access_token)
    # ruleid: no-log-of-whole-events
    log.info("got %s", event)
    # ok: no-token-in-logs
    log.info("asked about %s", request.case_id)
    # ok: no-log-of-whole-events
    log.info("got %s", event["case_id"])
    # ok: no-token-in-logs
    log.info("used %d tokens", answer.token_count)
