"""The circuit breaker."""

from redress.a2a.breaker import CircuitBreaker


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def opened(time: Time) -> CircuitBreaker:
    breaker = CircuitBreaker(time, failures=3, rest=10.0)
    for _ in range(3):
        assert breaker.allows()
        breaker.failed()
    return breaker


def test_it_opens_after_failures_in_a_row() -> None:
    assert not opened(Time()).allows()


def test_an_answer_in_between_starts_the_count_anew() -> None:
    breaker = CircuitBreaker(Time(), failures=3, rest=10.0)
    for _ in range(5):
        breaker.failed()
        breaker.failed()
        breaker.succeeded()
    assert breaker.allows()


def test_one_call_a_rest_may_try() -> None:
    time = Time()
    breaker = opened(time)
    time.now = 10.0
    assert [breaker.allows() for _ in range(3)] == [True, False, False]
    breaker.failed()
    time.now = 19.0
    assert not breaker.allows()
    time.now = 20.0
    assert breaker.allows()
    breaker.succeeded()
    assert all(breaker.allows() for _ in range(3))
