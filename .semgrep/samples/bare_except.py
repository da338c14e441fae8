# ruff: noqa
# fmt: off
"""Samples of a rule: what is marked is found, and nothing else."""


def step(work):
    # ruleid: no-bare-except-in-steps
    try:
        work()
    except:
        pass
    # ruleid: no-bare-except-in-steps
    try:
        work()
    except KeyError:
        raise
    except Exception as error:
        work(error)
    # ok: no-bare-except-in-steps
    try:
        work()
    except (KeyError, ValueError):
        raise
