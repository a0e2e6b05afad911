"""Pure decisions: standard library only, no clock, no randomness, no logging, no await."""
