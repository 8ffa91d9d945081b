"""Hosted cashiers: pages of somebody else on which a shopper pays, for platforms that know no gateway of ours."""

NOT_OFFERED = ("ship",)  # a cashier sees the money; the shop sends
