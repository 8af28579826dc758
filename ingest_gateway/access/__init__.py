"""Who somebody is: tokens, tickets, and the user pool behind them."""
