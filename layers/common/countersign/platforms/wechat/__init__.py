"""WeChat Pay, API versions 2 (XML) and 3 (JSON)."""

TIME_ZONE = "Asia/Shanghai"  # in which its merchants read times
