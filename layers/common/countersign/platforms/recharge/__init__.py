"""Recharge: subscription charges of a Shopify store, and the tries to take them that failed."""

NOT_OFFERED = ("refund", "ship")  # money goes back and parcels are told of in the shop, whose order the charge became
