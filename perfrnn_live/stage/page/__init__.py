"""A page for a tablet beside the keys: `feed` in the session, `server` in a process of its own, `web` in a browser."""
