"""How much fresh data a drift allows."""
