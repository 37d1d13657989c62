//! The stand-in for the search engine.
