use async_trait::async_trait;
use checkpoint::{Log, open};
use futures_util::stream::BoxStream;
use object_store::memory::InMemory;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
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

#[tokio::test(start_paused = true)]
async fn pages_are_saved_where_nothing_may_be_deleted() {
    for is_silent in [false, true] {
        let hoarder: Arc<dyn ObjectStore> = Arc::new(Hoarder {
            is_silent,
            ..Hoarder::default()
        });
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
