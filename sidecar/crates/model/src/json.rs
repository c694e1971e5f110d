//! JSON as text: scanning without building a tree.
