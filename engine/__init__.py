"""The campus: people, cards, purchases, and every door through which they are reached."""
