"""Recharge: subscription charges of a Shopify store, and the tries to take them that failed."""
