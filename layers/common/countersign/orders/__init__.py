"""What an order is and how news changes it: pure functions over plain values."""
