"""What people read of `hammer`: findings in words, stories, timelines and the HTML page."""
