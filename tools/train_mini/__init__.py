"""How the weights of the embedded encoder `mini` are made; README.md beside this file has the commands."""
