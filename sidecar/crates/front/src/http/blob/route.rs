//! From method, address and query to an operation.

use http::Method;

use crate::operation::Operation;

use super::address::{Address, BlobName, Target};
use super::error::Refusal;
use super::query::Query;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Route<'r> {
    ListContainers,
    CreateContainer(&'r str),
    ContainerProperties(&'r str),
    DeleteContainer(&'r str),
    ListBlobs(&'r str),
    Put(&'r BlobName),
    Get(&'r BlobName),
    Properties(&'r BlobName),
    SetMetadata(&'r BlobName),
    Metadata(&'r BlobName),
    Delete(&'r BlobName),
}

impl<'r> Route<'r> {
    pub(super) fn find(method: &Method, address: &'r Address, query: &Query) -> Result<Self, Refusal> {
        let (restype, comp) = (query.get("restype"), query.get("comp"));
        match (&address.target, restype) {
            (Target::Account, None) => Self::of_account(method, comp),
            (Target::Account, Some("container")) => Err(Refusal::invalid_uri(
                "the path names no container. If it has one segment, then that is the account, which is called like the \
                 Namespace: a container of the same name comes after it, as in /shop/shop",
            )),
            (Target::Container(container), Some("container")) => Self::of_container(method, container, comp),
            (Target::Container(_), None) => Err(Refusal::invalid_uri(
                "a path of one segment is a container, which goes with `restype=container`; a blob is \
                 /{container}/{blob}, and there is no $root container",
            )),
            (Target::Blob(blob), None) => Self::of_blob(method, blob, comp),
            (Target::Blob(_), Some("container")) => Err(Refusal::invalid_uri(
                "`restype=container` goes with the path of a container: one segment, and before it the account's \
                 name, which is the Namespace's, or nothing",
            )),
            (_, Some(_)) => Err(Refusal::not_implemented(
                "the account has no properties, statistics or account information: `restype` can only be `container`",
            )),
        }
    }

    fn of_account(method: &Method, comp: Option<&str>) -> Result<Self, Refusal> {
        match comp {
            Some("list") if method == Method::GET => Ok(Self::ListContainers),
            Some("list") => Err(Refusal::method("GET")),
            _ => Err(Refusal::not_implemented(
                "the account can only list its containers (`comp=list`)",
            )),
        }
    }

    fn of_container(method: &Method, container: &'r str, comp: Option<&str>) -> Result<Self, Refusal> {
        match comp {
            None => match *method {
                Method::PUT => Ok(Self::CreateContainer(container)),
                Method::GET | Method::HEAD => Ok(Self::ContainerProperties(container)),
                Method::DELETE => Ok(Self::DeleteContainer(container)),
                _ => Err(Refusal::method("GET, HEAD, PUT, DELETE")),
            },
            Some("list") if method == Method::GET => Ok(Self::ListBlobs(container)),
            Some("list") => Err(Refusal::method("GET")),
            Some(_) => Err(Refusal::not_implemented(
                "containers are created, deleted and listed (`comp=list`); they have no metadata, policies or leases",
            )),
        }
    }

    fn of_blob(method: &Method, blob: &'r BlobName, comp: Option<&str>) -> Result<Self, Refusal> {
        match comp {
            None => match *method {
                Method::PUT => Ok(Self::Put(blob)),
                Method::GET => Ok(Self::Get(blob)),
                Method::HEAD => Ok(Self::Properties(blob)),
                Method::DELETE => Ok(Self::Delete(blob)),
                _ => Err(Refusal::method("GET, HEAD, PUT, DELETE")),
            },
            Some("metadata") => match *method {
                Method::PUT => Ok(Self::SetMetadata(blob)),
                Method::GET | Method::HEAD => Ok(Self::Metadata(blob)),
                _ => Err(Refusal::method("GET, HEAD, PUT")),
            },
            Some(_) => Err(Refusal::not_implemented(
                "blobs are written whole, as one block blob of at most 64 KiB, and have metadata (`comp=metadata`); they \
                 have no blocks, pages, appends, leases, snapshots, tags or tiers",
            )),
        }
    }

    pub(super) const fn operation(&self) -> Operation {
        match self {
            Self::ListContainers | Self::ListBlobs(_) => Operation::ListBlobs,
            Self::ContainerProperties(_) | Self::Get(_) | Self::Properties(_) | Self::Metadata(_) => {
                Operation::ReadBlob
            }
            Self::CreateContainer(_)
            | Self::DeleteContainer(_)
            | Self::Put(_)
            | Self::SetMetadata(_)
            | Self::Delete(_) => Operation::WriteBlob,
        }
    }
}
