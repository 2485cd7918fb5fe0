"""From a folder of recordings to an adapter."""
