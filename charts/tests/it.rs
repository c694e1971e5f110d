//! The Helm chart, rendered by Helm itself, and the files for GitOps tools.

#[path = "it/argo_cd.rs"]
mod argo_cd;
#[path = "it/connect.rs"]
mod connect;
#[path = "it/files.rs"]
mod files;
#[path = "it/flux.rs"]
mod flux;
#[path = "it/health.rs"]
mod health;
#[path = "it/helm.rs"]
mod helm;
#[path = "it/install.rs"]
mod install;
#[path = "it/rights.rs"]
mod rights;
#[path = "it/templates.rs"]
mod templates;
#[path = "it/types.rs"]
mod types;
#[path = "it/values.rs"]
mod values;
