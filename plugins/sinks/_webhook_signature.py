"""The signature of a message that goes to a web server, as the receiver can check it.

The header is `X-Mgcld-Signature: t=<seconds since the Unix epoch>,v1=<hexadecimal>`. To check it:

1. take the body as it came, byte by byte, before anything parses it;
2. compute HMAC-SHA256, keyed with the secret, of `<t>.<body>`;
3. compare it with v1 in constant time (`hmac.compare_digest`), and refuse what does not match;
4. refuse a t that is more than five minutes from now: somebody plays it again. Every try is signed anew.
"""

import hashlib
import hmac


def signature(secret: bytes, body: bytes, at: int) -> str:
    """The header's value; `at` in seconds since the Unix epoch."""
    return f"t={at},v1={hmac.new(secret, b'%d.' % at + body, hashlib.sha256).hexdigest()}"
