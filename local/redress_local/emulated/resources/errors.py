"""What can go wrong between a template and the resources that it asks for."""

from redress_local.template_values import TemplateError


class ResourceError(TemplateError):
    """A resource could not be created; the message names its type and logical id."""


class UnsupportedResourceError(ResourceError):
    """A type or a property that the local cloud neither creates nor knows to be cloud-only."""
