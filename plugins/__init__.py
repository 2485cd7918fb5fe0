"""The replaceable parts that come with mgcld."""
