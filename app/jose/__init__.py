"""The one door to jwcrypto: the gate, signatures, encryption and keys of tokens."""
