"""Notices: what people and merchants' systems are told when something happens to an order."""
