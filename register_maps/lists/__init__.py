"""Lists of registers as people have them, in CSV files, and the maps that they become."""
