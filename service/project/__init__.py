"""The way into read models: facts become rows that answer questions."""
