"""Models that predict what sensors will show: pictures, with or without depth (tutorial 2.1)."""
