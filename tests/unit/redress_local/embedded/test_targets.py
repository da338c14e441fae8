"""Which of a template's targets the embedded cloud delivers to."""

from redress_local.embedded.targets import without_client_news
from redress_local.project import find_project, local_template


def test_only_news_for_clients_that_cannot_connect_is_left_out() -> None:
    template = local_template(find_project())
    served = without_client_news(template)
    left_out = {
        (rule.name, template.functions[target.arn].logical_id)
        for rule, kept in zip(template.rules, served.rules, strict=True)
        for target in rule.targets
        if target not in kept.targets
    }
    assert {function for _, function in left_out} == {"NotifyClientsFunction"}
    assert len(left_out) == 1


def test_everything_else_stays_as_it_is() -> None:
    template = local_template(find_project())
    served = without_client_news(template)
    assert served.archives == template.archives
    assert served.functions == template.functions
    assert [rule.pattern for rule in served.rules] == [rule.pattern for rule in template.rules]
    assert any(target.arn in template.machines for rule in served.rules for target in rule.targets)
