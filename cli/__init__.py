"""The `counterfoil` command."""
