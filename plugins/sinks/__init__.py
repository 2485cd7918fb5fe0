"""Where messages go besides ZeroMQ."""
