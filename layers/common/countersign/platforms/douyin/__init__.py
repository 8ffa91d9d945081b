"""Douyin mini-program payments: guaranteed payment (`ecpay`) and the general trade system (`trade`)."""
