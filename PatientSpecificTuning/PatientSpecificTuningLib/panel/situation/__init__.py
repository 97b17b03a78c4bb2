"""What is so and what it allows: facts that were read, and the state that follows from them; pure Python."""
