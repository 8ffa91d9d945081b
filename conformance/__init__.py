"""A black box that plays a payment platform against any webhook endpoint, and says what a thief would gain there."""

VERSION = "0.1.0"
