"""The contract of a `TaskCallback`, held in memory, by the engine and by its API over HTTP."""

import threading
from typing import Any

import pytest

OUTPUT = {"approved": True, "by": "Zoë 你好", "amounts": [1, 2], "none": None}


def test_success_goes_to_the_state_that_waits(callbacks: Any) -> None:
    token = callbacks.begin()
    assert callbacks.callback.send_success(token, OUTPUT)
    assert callbacks.answer(token) == {"output": OUTPUT}


def test_failure_goes_to_the_state_that_waits(callbacks: Any) -> None:
    token = callbacks.begin()
    assert callbacks.callback.send_failure(token, "Approval.Denied", "too much: 5 € > 4 €")
    told = {"error": "Approval.Denied", "cause": "too much: 5 € > 4 €"}
    assert callbacks.answer(token) == told


def test_only_the_first_answer_counts(callbacks: Any) -> None:
    token = callbacks.begin()
    assert callbacks.callback.send_success(token, {"n": 1})
    assert not callbacks.callback.send_success(token, {"n": 2})
    assert not callbacks.callback.send_failure(token, "E", "c")
    assert callbacks.answer(token) == {"output": {"n": 1}}


def test_each_token_is_its_own(callbacks: Any) -> None:
    first, second = callbacks.begin(), callbacks.begin()
    assert callbacks.callback.send_success(second, {"n": 2})
    assert callbacks.callback.send_success(first, {"n": 1})
    assert callbacks.answer(first) == {"output": {"n": 1}}
    assert callbacks.answer(second) == {"output": {"n": 2}}


@pytest.mark.parametrize("token", ["nobody-waits", "x" * 1_000, "Zoë"])
def test_a_token_that_nobody_waits_for(callbacks: Any, token: str) -> None:
    assert not callbacks.callback.send_success(token, {})
    assert not callbacks.callback.send_failure(token, "E", "c")


def test_of_rivals_one_wins(callbacks: Any) -> None:
    token = callbacks.begin()
    won: list[int] = []

    def answer(number: int) -> None:
        if callbacks.callback.send_success(token, {"n": number}):
            won.append(number)

    rivals = [threading.Thread(target=answer, args=(n,)) for n in range(6)]
    for rival in rivals:
        rival.start()
    for rival in rivals:
        rival.join()
    (winner,) = won
    assert callbacks.answer(token) == {"output": {"n": winner}}
