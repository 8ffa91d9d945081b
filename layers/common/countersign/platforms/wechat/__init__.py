"""WeChat Pay, API versions 2 (XML) and 3 (JSON)."""
