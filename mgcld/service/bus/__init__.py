"""The bus: sockets, who may connect, and what late subscribers are told."""
