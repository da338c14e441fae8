"""The numbers of the payment rules; the policy's prose quotes them."""

REFUND_PROCESSING_DAYS = 10
"""Days a pending refund may take from its request before it counts as stuck."""
