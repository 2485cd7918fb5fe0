"""Counts, in words."""


def messages(count: int, one: str, many: str) -> str:
    """`1 message waits`, `10 messages wait`: what one does, and what many do."""
    return f"1 message {one}" if count == 1 else f"{count} messages {many}"
