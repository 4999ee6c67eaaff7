"""The part of PromQL that GMBot's rules use, evaluated over made-up series; and a reader for the file of rules.

Series are lists of (seconds, value). Like Prometheus: a selector sees the newest sample of the last five minutes, an
operator joins series with the same labels, a comparison filters, a gap makes no series.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import inf, isnan, nan
from pathlib import Path

Labels = frozenset[tuple[str, str]]
Samples = Sequence[tuple[float, float]]
Vector = dict[Labels, float]

_STALE_SECONDS = 300.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_TOKEN = re.compile(
    r'\s*(?:(?P<number>\d+(?:\.\d+)?(?![\w.]))|(?P<range>\[\w+\])|(?P<duration>\d+[smhd])|(?P<text>"[^"]*")'
    r"|(?P<name>[A-Za-z_:][\w:]*)|(?P<op>=~|!=|==|>=|<=|[-+*/<>=(){},]))"
)
_LEVELS: Sequence[frozenset[str]] = (
    frozenset({"or"}),
    frozenset({"and", "unless"}),
    frozenset({"==", "!=", ">", "<", ">=", "<="}),
    frozenset({"+", "-"}),
    frozenset({"*", "/"}),
)


@dataclass(frozen=True)
class Rule:
    """One alert."""

    name: str
    expression: str
    seconds: float
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


def read_rules(path: Path) -> list[Rule]:
    """Read a file of rules, in the plain form ours has."""
    rules: list[dict[str, dict[str, str]]] = []
    part = "rule"
    for line in path.read_text(encoding="utf-8").splitlines():
        field = re.match(r"(\s*)(- )?(\w+):\s*(.*)", line)
        if field is None or line.startswith("#"):
            continue
        indent, begins, name, value = len(field[1]), field[2], field[3], field[4].strip('"')
        if begins and name == "alert":
            rules.append({"rule": {}, "labels": {}, "annotations": {}})
        if not rules:
            continue
        if name in {"labels", "annotations"}:
            part = name
            continue
        part = part if indent > len("        ") else "rule"
        rules[-1][part][name] = value
    return [
        Rule(
            name=rule["rule"]["alert"],
            expression=rule["rule"]["expr"],
            seconds=seconds(rule["rule"]["for"]),
            labels=rule["labels"],
            annotations=rule["annotations"],
        )
        for rule in rules
    ]


def seconds(duration: str) -> float:
    """Read a duration such as 5m."""
    return float(duration[:-1]) * _UNITS[duration[-1]]


def metrics_in(expression: str) -> set[str]:
    """Return the names of the metrics in an expression."""
    return set(re.findall(r"\b(?:gmbot_\w+|up)\b", expression))


class Query:
    """One expression."""

    def __init__(self, expression: str, series: Mapping[str, Mapping[Labels, Samples]]) -> None:
        self._tokens = list(_tokens(expression))
        self._series = series
        self._at = 0.0

    def evaluate(self, now: float) -> Vector:
        """Return the series at a time; an empty one means that nothing is wrong."""
        self._place = 0
        self._at = now
        value = self._level(0)
        assert self._place == len(self._tokens), self._tokens[self._place :]
        return value if isinstance(value, dict) else {frozenset(): value}

    def _peek(self) -> str:
        return self._tokens[self._place] if self._place < len(self._tokens) else ""

    def _next(self, expected: str = "") -> str:
        token = self._peek()
        assert not expected or token == expected, f"{expected} expected, {token} found"
        self._place += 1
        return token

    def _level(self, level: int) -> Vector | float:
        if level == len(_LEVELS):
            return self._atom()
        left = self._level(level + 1)
        while self._peek() in _LEVELS[level]:
            operator = self._next()
            left = _join(operator, left, self._level(level + 1))
        return left

    def _atom(self) -> Vector | float:
        token = self._next()
        if token == "(":
            inner = self._level(0)
            self._next(")")
            return inner
        if re.fullmatch(r"\d+(\.\d+)?", token):
            return float(token)
        if token in {"sum", "max", "min"}:
            return self._aggregate(token)
        if self._peek() != "(":
            return self._selected(token)
        return self._called(token)

    def _called(self, function: str) -> Vector | float:
        self._next("(")
        result: Vector | float
        if function == "time":
            result = self._at
        elif function == "rate":
            result = self._rate()
        elif function == "histogram_quantile":
            quantile = self._level(0)
            self._next(",")
            buckets = self._level(0)
            assert isinstance(quantile, float)
            assert isinstance(buckets, dict)
            result = _quantile(quantile, buckets)
        else:
            assert function == "absent", function
            inner = self._level(0)
            result = {} if inner else {frozenset(): 1.0}
        self._next(")")
        return result

    def _aggregate(self, name: str) -> Vector:
        functions: dict[str, Callable[[list[float]], float]] = {"sum": sum, "max": max, "min": min}
        function, by = functions[name], list[str]()
        if self._peek() == "by":
            self._next()
            self._next("(")
            while (token := self._next()) != ")":
                by += [token] if token != "," else []
        self._next("(")
        inner = self._level(0)
        self._next(")")
        assert isinstance(inner, dict)
        groups: dict[Labels, list[float]] = {}
        for labels, value in inner.items():
            groups.setdefault(frozenset(pair for pair in labels if pair[0] in by), []).append(value)
        return {labels: function(values) for labels, values in groups.items()}

    def _matching(self, name: str) -> Iterator[tuple[Labels, Samples]]:
        wanted: list[tuple[str, str, str]] = []
        if self._peek() == "{":
            self._next()
            while self._peek() != "}":
                label, operator, text = self._next(), self._next(), self._next().strip('"')
                wanted.append((label, operator, text))
                if self._peek() == ",":
                    self._next()
            self._next("}")
        for labels, samples in self._series.get(name, {}).items():
            if all(_fits(dict(labels).get(label, ""), operator, text) for label, operator, text in wanted):
                yield labels, samples

    def _selected(self, name: str) -> Vector:
        found: Vector = {}
        matching = list(self._matching(name))
        at = self._at - self._offset()
        for labels, samples in matching:
            recent = _window(samples, at - _STALE_SECONDS, at)
            if recent:
                found[labels] = recent[-1][1]
        return found

    def _offset(self) -> float:
        if self._peek() != "offset":
            return 0.0
        self._next()
        return seconds(self._next())

    def _rate(self) -> Vector:
        found = list(self._matching(self._next()))
        window = seconds(self._next()[1:-1])
        at = self._at - self._offset()
        rates: Vector = {}
        for labels, samples in found:
            inside = _window(samples, at - window, at)
            if len(inside) > 1:
                rates[labels] = (inside[-1][1] - inside[0][1]) / (inside[-1][0] - inside[0][0])
        return rates


def fires(rule: Rule, series: Mapping[str, Mapping[Labels, Samples]], *, until: float, step: float = 15.0) -> bool:
    """Whether the alert fires at some time: its expression has held for as long as it asks."""
    query, since, now = Query(rule.expression, series), inf, 0.0
    while now <= until:
        since = min(since, now) if query.evaluate(now) else inf
        if now - since >= rule.seconds:
            return True
        now += step
    return False


def _tokens(expression: str) -> Iterator[str]:
    place = 0
    while place < len(expression.rstrip()):
        match = _TOKEN.match(expression, place)
        assert match is not None, expression[place:]
        yield match[0].strip()
        place = match.end()


def _window(samples: Samples, begin: float, end: float) -> Samples:
    return samples[bisect_left(samples, (begin, -inf)) : bisect_right(samples, (end, inf))]


def _fits(value: str, operator: str, text: str) -> bool:
    match operator:
        case "=":
            return value == text
        case "!=":
            return value != text
        case _:
            return re.fullmatch(text, value) is not None


def _join(operator: str, left: Vector | float, right: Vector | float) -> Vector | float:
    if operator in {"and", "or", "unless"}:
        assert isinstance(left, dict)
        assert isinstance(right, dict)
        if operator == "or":
            return {**right, **left}
        return {labels: value for labels, value in left.items() if (labels in right) == (operator == "and")}
    if isinstance(left, float) and isinstance(right, float):
        return _arithmetic(operator, left, right)
    pairs: Iterator[tuple[Labels, float, float]]
    if isinstance(left, dict) and isinstance(right, dict):
        pairs = ((labels, value, right[labels]) for labels, value in left.items() if labels in right)
    elif isinstance(left, dict) and isinstance(right, float):
        pairs = ((labels, value, right) for labels, value in left.items())
    else:
        assert isinstance(left, float)
        assert isinstance(right, dict)
        pairs = ((labels, left, value) for labels, value in right.items())
    if operator in _LEVELS[2]:
        return {labels: one for labels, one, other in pairs if _compare(operator, one, other)}
    return {labels: _arithmetic(operator, one, other) for labels, one, other in pairs}


def _arithmetic(operator: str, one: float, other: float) -> float:
    match operator:
        case "+":
            return one + other
        case "-":
            return one - other
        case "*":
            return one * other
        case _:
            return one / other if other else nan


def _compare(operator: str, one: float, other: float) -> bool:
    if isnan(one) or isnan(other):
        return False
    outcomes = {"==": one == other, "!=": one != other, ">": one > other, "<": one < other}
    return outcomes.get(operator, one >= other if operator == ">=" else one <= other)


def _quantile(quantile: float, buckets: Vector) -> Vector:
    """Return the quantile of one histogram, interpolated within its bucket."""
    bounds = sorted((float(dict(labels)["le"].replace("+Inf", "inf")), count) for labels, count in buckets.items())
    if not bounds or bounds[-1][1] == 0:
        return {}
    rank, below, start = quantile * bounds[-1][1], 0.0, 0.0
    for bound, count in bounds:
        if count >= rank:
            inside = count - below
            return {frozenset(): start if bound == inf else start + (bound - start) * (rank - below) / inside}
        below, start = count, bound
    return {}
