"""Changes while it runs: another configuration, another adapter, a source that is paused."""
