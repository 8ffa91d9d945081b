"""What a caller of the merchant API asks for."""
