//! From claims to a subject.

use super::claims::{Claims, SERVICE_ACCOUNT};
use super::issuer::Mapping;
use crate::{Error, Subject};

/// What only the cluster itself may speak for.
const RESERVED: &str = "system:";

impl Mapping {
    /// Whom `claims` are about.
    pub(super) fn subject(&self, claims: &Claims) -> Result<Subject, Error> {
        match self {
            Self::ServiceAccounts => service_account(claims),
            Self::Claims {
                prefix,
                username,
                groups,
            } => outsider(claims, prefix, username, groups.as_deref()),
        }
    }
}

fn service_account(claims: &Claims) -> Result<Subject, Error> {
    let malformed = Error::BearerMalformed("its `sub` is not system:serviceaccount:NAMESPACE:NAME");
    let username = claims.text("sub").unwrap_or_default();
    let (namespace, name) = username
        .strip_prefix(SERVICE_ACCOUNT)
        .and_then(|rest| rest.split_once(':'))
        .filter(|(namespace, name)| !namespace.is_empty() && !name.is_empty() && !name.contains(':'))
        .ok_or(malformed)?;
    // The API server looks at these; who wrote both must mean one ServiceAccount.
    let says = |path: &[&str], expected| claims.text_at(path).is_none_or(|found| found == expected);
    if !says(&["kubernetes.io", "namespace"], namespace)
        || !says(&["kubernetes.io", "serviceaccount", "name"], name)
    {
        return Err(Error::BearerMalformed("its `sub` and its `kubernetes.io` differ"));
    }
    Ok(Subject {
        username: username.to_owned(),
        uid: claims
            .text_at(&["kubernetes.io", "serviceaccount", "uid"])
            .map(str::to_owned),
        groups: vec![
            "system:serviceaccounts".to_owned(),
            format!("system:serviceaccounts:{namespace}"),
            "system:authenticated".to_owned(),
        ],
    })
}

fn outsider(claims: &Claims, prefix: &str, username: &str, groups: Option<&str>) -> Result<Subject, Error> {
    if prefix.is_empty() {
        return Err(Error::BearerMalformed("its issuer was added without a prefix"));
    }
    let map = |name: &str| {
        let mapped = format!("{prefix}{name}");
        if mapped.starts_with(RESERVED) {
            return Err(Error::BearerMalformed(
                "a name or a group of it begins with `system:` here, for which only the cluster may speak",
            ));
        }
        Ok(mapped)
    };
    if username == "email" && !claims.confirm_email() {
        return Err(Error::BearerMalformed(
            "its `email_verified` is not true, so that its `email` may be anybody's",
        ));
    }
    let name = claims
        .text(username)
        .filter(|name| !name.is_empty())
        .ok_or(Error::BearerMalformed(
            "the claim that has its user's name is missing or no text",
        ))?;
    let shown = match groups.filter(|claim| claims.0.contains_key(*claim)) {
        None => Vec::new(),
        Some(claim) => claims.texts(claim).ok_or(Error::BearerMalformed(
            "the claim that has its groups has something else",
        ))?,
    };
    Ok(Subject {
        username: map(name)?,
        uid: None,
        groups: shown.into_iter().map(map).collect::<Result<_, _>>()?,
    })
}
