"""Stripe Checkout: a page of Stripe's for each payment (https://docs.stripe.com/payments/checkout)."""
