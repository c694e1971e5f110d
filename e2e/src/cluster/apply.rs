//! `kubectl apply --server-side` for texts: any kind that the API server knows, several documents at once.

use anyhow::{Context, bail};
use kube::{
    Api, ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
    core::{DynamicObject, GroupVersionKind, TypeMeta},
    discovery::{self, ApiResource, Scope},
};

use super::connection::{Cluster, FIELD_MANAGER};

/// How a kind is reached, and whether it lives in namespaces.
#[derive(Debug, Clone)]
pub(super) struct Kind {
    resource: ApiResource,
    namespaced: bool,
}

impl Cluster {
    /// Applies every document of a YAML text, in order, in this namespace unless one names another.
    ///
    /// # Errors
    /// With the API server's own words at the first that it refuses; [`refusal`](super::refusal) finds its status.
    pub fn apply(&self, namespace: &str, yaml: &str) -> anyhow::Result<Vec<DynamicObject>> {
        let parameters = PatchParams::apply(FIELD_MANAGER).force();
        self.each(namespace, yaml, async |api, object| {
            api.patch(&object.name_any(), &parameters, &Patch::Apply(&object))
                .await
        })
    }

    /// Creates them; those that exist are errors.
    pub fn create(&self, namespace: &str, yaml: &str) -> anyhow::Result<Vec<DynamicObject>> {
        let parameters = PostParams {
            field_manager: Some(FIELD_MANAGER.to_owned()),
            ..PostParams::default()
        };
        self.each(namespace, yaml, async |api, object| {
            api.create(&parameters, &object).await
        })
    }

    fn each(
        &self,
        namespace: &str,
        yaml: &str,
        act: impl AsyncFn(Api<DynamicObject>, DynamicObject) -> kube::Result<DynamicObject>,
    ) -> anyhow::Result<Vec<DynamicObject>> {
        let objects = parse(yaml)?;
        self.block_on(async {
            let mut done = Vec::with_capacity(objects.len());
            for object in objects {
                let name = object.name_any();
                let types = object.types.clone().context("find apiVersion and kind")?;
                let namespace = object.namespace().unwrap_or_else(|| namespace.to_owned());
                let api = self.api_of(&types, &namespace).await?;
                let outcome = act(api, object).await;
                done.push(outcome.with_context(|| format!("apply {} {name}", types.kind))?);
            }
            Ok(done)
        })
    }

    /// The API of a kind that is known by its name alone.
    pub(super) async fn api_of(
        &self,
        types: &TypeMeta,
        namespace: &str,
    ) -> anyhow::Result<Api<DynamicObject>> {
        let kind = self.kind(types).await?;
        Ok(if kind.namespaced {
            Api::namespaced_with(self.client(), namespace, &kind.resource)
        } else {
            Api::all_with(self.client(), &kind.resource)
        })
    }

    async fn kind(&self, types: &TypeMeta) -> anyhow::Result<Kind> {
        let key = (types.api_version.clone(), types.kind.clone());
        let known = |kinds: &std::collections::HashMap<_, Kind>| kinds.get(&key).cloned();
        if let Some(kind) = self.kinds().lock().ok().and_then(|kinds| known(&kinds)) {
            return Ok(kind);
        }
        let wanted = GroupVersionKind::try_from(types).context("parse apiVersion")?;
        let (resource, capabilities) = discovery::pinned_kind(&self.client(), &wanted)
            .await
            .with_context(|| {
                format!(
                    "find the kind {} of {}: are its CRDs installed?",
                    types.kind, types.api_version
                )
            })?;
        let kind = Kind {
            resource,
            namespaced: capabilities.scope == Scope::Namespaced,
        };
        if let Ok(mut kinds) = self.kinds().lock() {
            kinds.insert(key, kind.clone());
        }
        Ok(kind)
    }
}

/// The objects of a text, without empty documents.
fn parse(yaml: &str) -> anyhow::Result<Vec<DynamicObject>> {
    let documents: Vec<serde_json::Value> =
        serde_saphyr::from_multiple(yaml).context("parse the manifests")?;
    let mut objects = Vec::new();
    for document in documents {
        if document.is_null() {
            continue;
        }
        let object: DynamicObject =
            serde_json::from_value(document).context("read a manifest as an object")?;
        if object.types.is_none() {
            bail!("a manifest lacks apiVersion and kind");
        }
        objects.push(object);
    }
    Ok(objects)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_may_hold_several_documents_and_empty_ones() {
        let objects = parse(
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: Secret\nmetadata: {name: b}\n",
        )
        .expect("they parse");
        let names: Vec<_> = objects.iter().map(|object| object.name_any()).collect();
        assert_eq!(names, ["a", "b"]);
    }
}
