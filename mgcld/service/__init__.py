"""The daemon: the loop, the messages, the sockets."""
