"""Vestibule recognises a campaign's participants before they reach the form.

The journey, and where to read it:

1. A token comes in: `web/sessions.py`, or in short `web/fast_sessions.py` → `steps/accept.py` (shape by
   `domain/shape.py`); the row is committed, then 202.
2. It is judged: `workers/verify.py` → `steps/verify.py` → `steps/judge.py` (`jose`), `domain/claims.py`.
3. Its keys are missing: the session parks (`domain/keyset.py`), `workers/refresh.py` → `steps/refresh.py` fetches them.
4. May the participant play? `domain/participation.py`, settled by `steps/settle.py`.
5. The data is fetched: `workers/fetch.py` → `steps/fetch.py`, `domain/prefill.py`, `domain/retry.py`.
6. All is saved under the lease of the claim: `adapters/database/`.
7. The form step reads: `web/sessions.py`, `web/fast_sessions.py` → `steps/read.py` → `domain/session.py`.
8. What was lost is found: each worker sweeps by itself; `steps/sweep.py`, `steps/purge.py` keep house.

Glossary:

token: the compact string. JWS: signed token; JWE: encrypted token. claims: what a token says.
keyset: our cached copy of a partner's JWK Set. thumbprint: RFC 7638 name of a key.
session: one participant's visit. stage: where it is. lease: whose work it is now, and until when.
hint: a wake-up message. attempt: one try, counted from 1. deadline: until when the participant waits.
dead letter: a session whose prefill failed. replay: trying dead letters again.
partner: the brand that hands out tokens. campaign: what is played. participation: one play.
prefill: what fills the form. rejected: judged and refused, an outcome. failed: we could not find out, a fault.
"""
