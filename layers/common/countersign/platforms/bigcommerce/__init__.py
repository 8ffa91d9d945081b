"""BigCommerce: what a payment at a hosted cashier makes of an order of the store."""
