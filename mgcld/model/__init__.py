"""The method: transport, cache, contrast, and the adapter made of them."""
