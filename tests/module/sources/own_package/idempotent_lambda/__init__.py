"""Would hide the package that is deployed."""
