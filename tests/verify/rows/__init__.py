"""The questions: each test observes one answer, whatever it is."""
