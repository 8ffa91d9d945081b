"""A QR code over our own WeChat account, on a page of ours: the cashier is Countersign itself."""
