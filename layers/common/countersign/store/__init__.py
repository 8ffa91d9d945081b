"""The table: one DynamoDB transaction per message, evidence beside state."""

from countersign.store.record import OrderStore, Outcome

__all__ = ["OrderStore", "Outcome"]
