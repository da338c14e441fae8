"""The numbers of the delivery rules; the policy's prose quotes them."""

DELIVERY_GRACE_DAYS = 7
"""Days after the promised date before a parcel that has not arrived counts as not delivered."""
