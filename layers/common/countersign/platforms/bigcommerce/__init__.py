"""BigCommerce: orders of a store that a cashier takes the money for, which the store itself does not know."""

NOT_OFFERED = ("refund", "ship")  # money goes back at the cashier that took it; parcels are told of in the store
