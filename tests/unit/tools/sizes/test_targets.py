"""Which targets a function has, and which it misses."""

import pytest

from tools.sizes.targets import Size, Start, best, kind_of, missed, ports_of

GOOD = Size("SomeFunction", "AWS", 25.0, 5.0, Start(0.1, 0.5, 300), 24.0, 5.0, Start(0.2, 0.6, 300))
AGENT = GOOD._replace(
    kind="agent",
    unzipped_mb=150.0,
    start=Start(0.4, 9.0, 900),
    plain=Start(1.0, 9.0, 900),
)


def test_ports_are_what_a_handler_takes_from_the_runtime(tmp_path):
    handler = tmp_path / "handler.py"
    handler.write_text(
        "def handler(event, context):\n"
        "    here = runtime()\n"
        "    a = step(event, here.orders, here.gate, here.config.default_pattern)\n"
        "    return there.cases, here.orders.find(a), here.publisher\n"
    )
    assert ports_of(handler) == ["orders", "gate", "publisher"]


@pytest.mark.parametrize(
    ("ports", "layers", "kind"),
    [
        ([], ["RedressLayer"], "no AWS"),
        (["gate"], ["RedressLayer", "PolicyLayer"], "no AWS"),
        (["gate", "payments"], ["RedressLayer", "PolicyLayer"], "AWS"),
        (["runner"], ["RedressLayer", "SandboxLayer"], "sandbox"),
        (["orders", "model_factory"], ["RedressLayer", "AgentsLayer"], "agent"),
        (["broker", "model_factory"], ["AgentsLayer", "ProtocolsLayer"], "domain agent"),
        (["agents", "model_factory"], ["AgentsLayer", "ProtocolsLayer"], "agent"),
        (["keys"], ["RedressLayer", "ProtocolsLayer"], "protocol"),
        (["passages", "resolutions"], ["RedressLayer", "PolicyLayer"], "AWS"),
    ],
)
def test_kinds(ports, layers, kind):
    assert kind_of(iter(ports), layers) == kind


def test_the_best_is_the_least_of_each():
    assert best([Start(3, 5, 8), Start(2, 6, 7)]) == Start(2, 5, 7)


@pytest.mark.parametrize(
    "size",
    [
        GOOD,
        AGENT,
        GOOD._replace(kind="no AWS", start=Start(0.1, 0.15, 66)),
        GOOD._replace(kind="sandbox", unzipped_mb=120.0, start=Start(0.1, 0.15, 66)),
        # Only agents are compared with plain ones.
        GOOD._replace(plain=Start(0.01, 0.01, 1)),
    ],
)
def test_at_its_limits_nothing_is_missed(size):
    assert missed(size) == []


@pytest.mark.parametrize(
    ("size", "told"),
    [
        (GOOD._replace(unzipped_mb=25.1), "25.1 MB with its layers, over 25"),
        (GOOD._replace(start=Start(0.1, 0.501, 1)), "0.501 CPU s until ready, over 0.5"),
        (GOOD._replace(kind="no AWS"), "0.500 CPU s until ready, over 0.15"),
        (
            GOOD._replace(kind="sandbox", unzipped_mb=120.5, start=Start(0.1, 0.1, 1)),
            "120.5 MB with its layers, over 120",
        ),
        (AGENT._replace(unzipped_mb=150.2), "150.2 MB with its layers, over 150"),
        (AGENT._replace(start=Start(0.401, 0.5, 1)), "its import takes 0.401 x plain, over 0.4"),
    ],
)
def test_over_a_limit_it_is_told(size, told):
    assert missed(size) == [f"SomeFunction: {told}"]


def test_each_miss_is_told():
    slow = AGENT._replace(unzipped_mb=200.0, start=Start(0.5, 9.0, 900))
    assert len(missed(slow)) == 2
