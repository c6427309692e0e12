//! Sockets around the engine.
