"""The service: users, API keys, and what later releases add behind them."""

__version__ = "0.1.0"
