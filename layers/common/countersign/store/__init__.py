"""The table: one DynamoDB transaction per change, evidence beside state."""

from countersign.store.orders import OrderStore, Outcome

__all__ = ["OrderStore", "Outcome"]
