"""Questions to the HTTP frame, asked over real sockets."""
