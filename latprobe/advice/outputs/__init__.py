"""What recorded prompts and answers are made of, for the rules about tokens."""
