"""Around the live music: the loop, the faces, what is kept, `play`."""
