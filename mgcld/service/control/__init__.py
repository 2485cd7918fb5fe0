"""Orders from outside: the control socket, what is asked there, and who asks."""
