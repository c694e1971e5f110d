//! Manifests as text, so that a test shows what a user would write.

use std::fmt::Write;

/// The one Namespace of a test.
pub const NAMESPACE: &str = "shop";

/// A set of manifests under construction.
///
/// ```
/// let manifests = e2e::manifests::Manifests::new("1Gi").topic("orders").subscription("orders", "billing", "");
/// assert!(manifests.yaml().contains("kind: EventSubscription"));
/// ```
#[derive(Debug, Clone)]
pub struct Manifests(String);

impl Manifests {
    /// A Namespace named [`NAMESPACE`] whose log may take `size` (a Kubernetes quantity).
    pub fn new(size: &str) -> Self {
        Self(format!(
            "apiVersion: weft.dev/v1alpha1\nkind: Namespace\nmetadata: {{name: {NAMESPACE}}}\n\
             spec:\n  storage: {{persistentVolume: {{size: {size}}}}}\n"
        ))
    }

    /// Adds a Topic.
    pub fn topic(mut self, name: &str) -> Self {
        let _ = write!(
            self.0,
            "---\napiVersion: weft.dev/v1alpha1\nkind: Topic\nmetadata: {{name: {name}}}\n\
             spec: {{namespaceRef: {{name: {NAMESPACE}}}}}\n"
        );
        self
    }

    /// Adds an EventSubscription; `spec` is further lines of its spec, without indentation. A spec without `queue` gets
    /// Azure's defaults.
    pub fn subscription(mut self, topic: &str, name: &str, spec: &str) -> Self {
        let queue = if spec.lines().any(|line| line.starts_with("queue")) {
            ""
        } else {
            "queue: {}\n"
        };
        let _ = write!(
            self.0,
            "---\napiVersion: weft.dev/v1alpha1\nkind: EventSubscription\nmetadata: {{name: {name}}}\n\
             spec:\n  topicRef: {{name: {topic}}}\n"
        );
        for line in queue
            .lines()
            .chain(spec.lines())
            .filter(|line| !line.trim().is_empty())
        {
            let _ = writeln!(self.0, "  {line}");
        }
        self
    }

    /// Adds a Hub with so many partitions and these consumer groups beside `$Default`.
    pub fn hub(mut self, name: &str, partitions: u32, consumer_groups: &[&str]) -> Self {
        let _ = write!(
            self.0,
            "---\napiVersion: weft.dev/v1alpha1\nkind: Hub\nmetadata: {{name: {name}}}\n\
             spec:\n  namespaceRef: {{name: {NAMESPACE}}}\n  eventHub:\n    partitionCount: {partitions}\n"
        );
        if !consumer_groups.is_empty() {
            self.0.push_str("    consumerGroups:\n");
        }
        for group in consumer_groups {
            let _ = writeln!(self.0, "    - name: {group}");
        }
        self
    }

    /// Gives the Namespace a rule, whose key has these rights. Comes before everything else is added.
    pub fn rule(mut self, name: &str, rights: &str) -> Self {
        let field = "  authorizationRules:\n";
        if !self.0.contains(field) {
            self.0.push_str(field);
        }
        let _ = writeln!(self.0, "  - {{name: {name}, rights: [{rights}]}}");
        self
    }

    /// Gives the Namespace a field of its spec, on one line. Comes before everything else is added.
    pub fn field(mut self, line: &str) -> Self {
        let _ = writeln!(self.0, "  {line}");
        self
    }

    pub fn yaml(&self) -> &str {
        &self.0
    }
}
