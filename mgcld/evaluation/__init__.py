"""How well it recognises: data sets, episodes, baselines, and the figures made of them."""
