"""The device side: messages on the wire and the link that carries them to the engine."""
