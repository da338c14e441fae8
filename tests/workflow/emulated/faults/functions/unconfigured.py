"""A module that refuses to be loaded."""


class UnconfiguredError(Exception):
    """Raised at init."""


def handler(event, context):
    return event


raise UnconfiguredError("TABLE is not set")
