"""EventBridge's schedule expressions: `rate(5 minutes)` and `cron(0 10 ? * MON-FRI *)`, in UTC.

Not by the cronsim library: EventBridge counts weekdays from SUN = 1, has a year, `?` and `W`
(the nearest weekday), none of which cronsim knows; it is the oracle in tests for the rest.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

from redress_local.events.errors import InvalidScheduleError

Schedule = Callable[[float, float], float | None]
"""From when the rule is as it is and when it fired last to when it fires next; epoch seconds."""

_RATE = re.compile(r"rate\((\d{1,9}) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\(([^()]+)\)")
_SECONDS = {"minute": 60, "hour": 3600, "day": 86_400}
_MONTHS = {name: n for n, name in enumerate(calendar.month_abbr) if name}
_MONTHS = {name.upper(): n for name, n in _MONTHS.items()}
_DAYS = {"SUN": 1, "MON": 2, "TUE": 3, "WED": 4, "THU": 5, "FRI": 6, "SAT": 7}
_FIRST_YEAR, _LAST_YEAR = 1970, 2199
_SATURDAY = 7

DayTest = Callable[[date], bool]


def parse_schedule(text: str) -> Schedule:
    """Parse a schedule expression.

    Raises:
        InvalidScheduleError: EventBridge would refuse it.
    """
    rate = _RATE.fullmatch(text)
    if rate is not None:
        count, unit, plural = int(rate[1]), rate[2], rate[3]
        if count == 0 or (count == 1) == bool(plural):
            raise InvalidScheduleError("Parameter ScheduleExpression is not valid.")
        seconds = count * _SECONDS[unit]
        return lambda since, last: since + seconds * ((last - since) // seconds + 1)
    cron = _CRON.fullmatch(text)
    if cron is None:
        raise InvalidScheduleError("Parameter ScheduleExpression is not valid.")
    try:
        fires = Cron(cron[1])
    except (ValueError, KeyError, IndexError):
        raise InvalidScheduleError("Parameter ScheduleExpression is not valid.") from None
    return lambda _, last: fires.after(last)


class Cron:
    """The six fields of a cron expression: minutes, hours, day of month, month, weekday, year."""

    def __init__(self, text: str) -> None:
        minutes, hours, days, months, weekdays, years = text.split()
        if (days == "?") == (weekdays == "?"):
            raise ValueError("one of day of month and weekday is ?")
        self._minutes = sorted(_values(minutes, 0, 59))
        self._hours = sorted(_values(hours, 0, 23))
        self._months = _values(months, 1, 12, _MONTHS)
        self._years = _values(years, _FIRST_YEAR, _LAST_YEAR)
        if weekdays == "?":
            self._day = _any([_day_of_month(part) for part in days.split(",")])
        else:
            self._day = _any([_weekday(part) for part in weekdays.split(",")])

    def after(self, at: float) -> float | None:
        """The first time after an instant; None when there is none any more."""
        start = datetime.fromtimestamp(at, UTC).replace(second=0, microsecond=0)
        start += timedelta(minutes=1)
        day = start.date()
        while day.year <= _LAST_YEAR:
            if day.year not in self._years:
                day = date(day.year + 1, 1, 1)
            elif day.month not in self._months:
                day = (day.replace(day=1) + timedelta(days=32)).replace(day=1)
            else:
                if self._day(day):
                    found = self._in_day(day, start)
                    if found is not None:
                        return found.timestamp()
                day += timedelta(days=1)
        return None

    def _in_day(self, day: date, start: datetime) -> datetime | None:
        for hour in self._hours:
            for minute in self._minutes:
                moment = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                if moment >= start:
                    return moment
        return None


def _values(text: str, low: int, high: int, names: dict[str, int] | None = None) -> set[int]:
    """The numbers that a field of values, ranges and steps stands for."""

    def number(word: str) -> int:
        value = (names or {}).get(word.upper())
        value = int(word) if value is None and word.isascii() and word.isdigit() else value
        if value is None or not low <= value <= high:
            raise ValueError(word)
        return value

    found: set[int] = set()
    for part in text.split(","):
        span, slash, step = part.partition("/")
        if slash and (not step.isdigit() or int(step) == 0):
            raise ValueError(part)
        first, dash, last = span.partition("-")
        if span == "*":
            start, end = low, high
        elif dash:
            start, end = number(first), number(last)
        else:
            start = number(span)
            end = high if slash else start
        if end < start:
            raise ValueError(part)
        found.update(range(start, end + 1, int(step) if slash else 1))
    return found


def _any(tests: list[DayTest]) -> DayTest:
    return tests[0] if len(tests) == 1 else lambda day: any(test(day) for test in tests)


def _day_of_month(text: str) -> DayTest:
    if text == "L":
        return lambda day: day.day == _last_day(day)
    if text == "LW":
        return lambda day: day.day == _nearest_weekday(day, _last_day(day))
    if text.endswith("W"):
        (wanted,) = _values(text[:-1], 1, 31)
        return lambda day: wanted <= _last_day(day) and day.day == _nearest_weekday(day, wanted)
    days = _values(text, 1, 31)
    return lambda day: day.day in days


def _weekday(text: str) -> DayTest:
    if text == "L":
        return lambda day: _number(day) == _SATURDAY
    if text.endswith("L"):
        (wanted,) = _values(text[:-1], 1, 7, _DAYS)
        return lambda day: _number(day) == wanted and day.day + 7 > _last_day(day)
    name, hash_, nth = text.partition("#")
    if hash_:
        (wanted,) = _values(name, 1, 7, _DAYS)
        (place,) = _values(nth, 1, 5)
        return lambda day: _number(day) == wanted and (day.day + 6) // 7 == place
    days = _values(text, 1, 7, _DAYS)
    return lambda day: _number(day) in days


def _number(day: date) -> int:
    return day.isoweekday() % 7 + 1


def _last_day(day: date) -> int:
    return calendar.monthrange(day.year, day.month)[1]


def _nearest_weekday(day: date, wanted: int) -> int:
    """The weekday (Monday to Friday) nearest to a day of the month, within that month."""
    weekday = day.replace(day=wanted).isoweekday()
    if weekday == 6:
        return wanted - 1 if wanted > 1 else wanted + 2
    if weekday == 7:
        return wanted + 1 if wanted < _last_day(day) else wanted - 2
    return wanted
