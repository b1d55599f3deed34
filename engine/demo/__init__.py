"""A campus to try things on: made-up people, their habits, and tills that sell to them all day."""
