"""A call: the pure session driven by audio frames, its journal, and the asyncio driver around it."""
