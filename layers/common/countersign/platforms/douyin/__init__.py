"""Douyin mini-program payments: guaranteed payment (`ecpay`) and the general trade system (`trade`)."""

TIME_ZONE = "Asia/Shanghai"  # in which its merchants read times
