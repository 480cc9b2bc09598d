"""Other programs' files, made into folders that the store imports."""
