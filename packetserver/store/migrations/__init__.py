"""Changes of the tables between versions. A new database is made from the catalogue at once."""
