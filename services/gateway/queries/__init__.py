"""Questions to the gateway's views. Whoever asks brings a connection or a pool, and its ``statement_timeout``."""
