"""Tokens by kind and by prompt part: counting, dissecting, pricing. Imported in the agent only."""
