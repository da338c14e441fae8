"""The tag by which a key gets an id of one's own, as in other local clouds."""

CUSTOM_ID = "_custom_id_"
