use async_trait::async_trait;
use checkpoint::conformance::{self, Place};
use checkpoint::{Copier, Entries, Log, open};
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use runtime::TaskScope;
use runtime::metrics::Registry;
use tokio::sync::watch;
use uuid::Uuid;

use super::*;

/// A store that lets nobody delete.
#[derive(Debug, Default)]
struct Hoarder {
    store: InMemory,
    /// It does not even say so.
    is_silent: bool,
}

impl std::fmt::Display for Hoarder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("hoarder")
    }
}

#[async_trait]
impl ObjectStore for Hoarder {
    async fn put_opts(&self, path: &Path, bytes: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.store.put_opts(path, bytes, options).await
    }

    async fn put_multipart_opts(
        &self,
        path: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.store.put_multipart_opts(path, options).await
    }

    async fn get_opts(&self, path: &Path, options: GetOptions) -> Result<GetResult> {
        self.store.get_opts(path, options).await
    }

    fn delete_stream(&self, paths: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        if self.is_silent {
            return stream::pending().boxed();
        }
        let refuse = |path: Result<Path>| {
            path.and_then(|path| {
                Err(Error::PermissionDenied {
                    path: path.to_string(),
                    source: "no".into(),
                })
            })
        };
        paths.map(refuse).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.store.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.store.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.store.copy_opts(from, to, options).await
    }
}

fn opened(store: Arc<dyn ObjectStore>) -> ObjectCheckpoints {
    ObjectCheckpoints {
        store,
        prefix: Path::from("weft"),
        name: "hoarder".to_owned(),
        generations: Mutex::default(),
        latest: Mutex::default(),
        has_warned: AtomicBool::new(false),
    }
}

fn hoarder(is_silent: bool) -> Arc<dyn ObjectStore> {
    Arc::new(Hoarder {
        is_silent,
        ..Hoarder::default()
    })
}

#[tokio::test(start_paused = true)]
async fn a_store_that_lets_nobody_delete_keeps_what_a_store_has_to() {
    for is_silent in [false, true] {
        conformance::check(async || {
            let hoarder = hoarder(is_silent);
            let place: Place = Box::new(move || Arc::new(opened(hoarder.clone())));
            place
        })
        .await;
    }
}

/// What `log` of `data` finds. Then it saves `text`, and is lost with its disk.
async fn live(place: &Arc<dyn ObjectStore>, log: Log, data: &str, text: &'static str) -> (Claim, Entries) {
    let store = Arc::new(opened(place.clone()));
    let began = open(&[&*store], log, data, |_| 0).await.unwrap();
    let entries = move || {
        let key = |n: u32| format!("blob/checkpoints/{n}");
        (0..100)
            .map(|n| (key(n), Bytes::from_static(text.as_bytes())))
            .collect()
    };
    let (_changes, changes) = watch::channel(0);
    let (scope, registry) = (TaskScope::root(), Registry::default());
    Copier::start(store, began.claim.clone(), entries, changes, &scope, &registry);
    assert!(scope.shutdown(PAUSE * 30).await.is_empty());
    (began.claim, began.restored)
}

#[tokio::test(start_paused = true)]
async fn what_another_namespace_left_under_a_higher_incarnation_hides_nothing() {
    let new = || Log::New { id: Uuid::new_v4() };
    for place in [hoarder(false), Arc::new(InMemory::new())] {
        for incarnation in 0..3 {
            let (claim, restored) = live(&place, new(), "former", "1").await;
            assert_eq!((claim.incarnation, claim.lost), (incarnation, incarnation > 0));
            assert_eq!(restored.is_empty(), incarnation == 0);
        }
        // It has its own events, and was elsewhere until now.
        let known = Log::Known {
            id: Uuid::new_v4(),
            incarnation: 0,
        };
        let (claim, _) = live(&place, known, "ours", "2").await;
        assert_eq!((claim.incarnation, claim.lost), (0, false));
        // The disk goes before any page was written a second time.
        let (claim, restored) = live(&place, new(), "ours", "3").await;
        assert_eq!((claim.incarnation, claim.lost), (1, true));
        assert_eq!(restored.len(), 100);
        assert!(restored.values().all(|value| *value == "2"), "{restored:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_are_saved_where_nothing_may_be_deleted() {
    for is_silent in [false, true] {
        let hoarder = hoarder(is_silent);
        let mut store = opened(hoarder.clone());
        let id = Uuid::from_u128(1);
        let claim = open(&[&store], Log::New { id }, "uid", |_| 0)
            .await
            .unwrap()
            .claim;
        for number in 0_u8..40 {
            let page = Bytes::from(vec![number]);
            store.save(&claim, 7, page.clone()).await.unwrap();
            assert_eq!(store.load().await.unwrap().pages, [(7, page)]);
            if number % 10 == 0 {
                // A restart finds all that are left.
                store = opened(hoarder.clone());
            }
        }
    }
}
