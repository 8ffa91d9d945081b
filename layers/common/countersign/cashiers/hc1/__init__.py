"""HC1, the signed contract between a shop and a hosted cashier (docs/hc1.md)."""
