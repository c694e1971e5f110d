//! The operator: Namespaces, Topics and EventSubscriptions in, configured sidecar pods out.
