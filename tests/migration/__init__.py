"""Moving in from elsewhere: what others have recorded counts here."""
