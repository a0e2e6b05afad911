"""The configuration documents: what they may say, how their secrets are kept apart, what the journey makes of them."""
