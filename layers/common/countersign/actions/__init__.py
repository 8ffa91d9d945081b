"""What functions do beyond one call: steps over the store and a platform's client, without Lambda's words."""
